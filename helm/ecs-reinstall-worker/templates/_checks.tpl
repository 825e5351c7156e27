{{/* What the schema cannot say: rules between values. All that is wrong is told at once. */}}
{{- define "ecs.checks" -}}
{{- $wrong := list }}
{{- with .Values.http }}
{{- if eq (.metricsPort | int) (.port | int) }}{{ $wrong = append $wrong "http.metricsPort must differ from http.port" }}{{ end }}
{{- end }}
{{- with .Values.amqp }}
{{- if and .existingSecret .url }}{{ $wrong = append $wrong "amqp.existingSecret and amqp.url exclude each other" }}{{ end }}
{{- if not (or .existingSecret .folder .url .host) }}{{ $wrong = append $wrong "amqp.existingSecret is missing: a Secret with the broker's URL (or amqp.url, for a first try)" }}{{ end }}
{{- if and .host (not (or .existingSecret .folder)) }}{{ $wrong = append $wrong "amqp.existingSecret is missing: a Secret with the user and the password for amqp.host" }}{{ end }}
{{- if and .management.folder (not .management.url) }}{{ $wrong = append $wrong "amqp.management.folder needs amqp.management.url" }}{{ end }}
{{- if and .management.existingSecret (not .management.url) }}{{ $wrong = append $wrong "amqp.management.existingSecret needs amqp.management.url" }}{{ end }}
{{- if and .host .url }}{{ $wrong = append $wrong "amqp.host and amqp.url exclude each other" }}{{ end }}
{{- if and (or .port .vhost .scheme) (not .host) }}{{ $wrong = append $wrong "amqp.port, amqp.vhost and amqp.scheme need amqp.host: of a URL they are parts" }}{{ end }}
{{- if and .folder .url }}{{ $wrong = append $wrong "amqp.folder and amqp.url exclude each other" }}{{ end }}
{{- if and .host (or .tls.existingSecret .tls.folder) (ne .scheme "amqps") }}{{ $wrong = append $wrong "amqp.tls.existingSecret needs amqp.scheme amqps (amqp.tls.folder too)" }}{{ end }}
{{- if and .url (or .tls.existingSecret .tls.folder) (not (contains "amqps://" .url)) }}{{ $wrong = append $wrong "amqp.tls.existingSecret needs an amqps:// URL" }}{{ end }}
{{- if ne (empty .tls.certKey) (empty .tls.keyKey) }}{{ $wrong = append $wrong "amqp.tls.certKey and amqp.tls.keyKey go together" }}{{ end }}
{{- end }}
{{- range $name, $value := .Values.brakes }}
{{- $variable := include "ecs.brakeVariable" $name }}
{{- if hasKey ($.Values.config | default dict) $variable }}{{ $wrong = append $wrong (printf "brakes.%s and config.%s say the same thing: give one" $name $variable) }}{{ end }}
{{- end }}
{{- with .Values.topology }}
{{- if .enabled }}
{{- $amqp := $.Values.amqp }}
{{- if not (and $amqp.host $amqp.vhost) }}{{ $wrong = append $wrong "topology.enabled needs amqp.host and amqp.vhost" }}{{ end }}
{{- if eq (empty .cluster.name) (empty .cluster.connectionSecret) }}{{ $wrong = append $wrong "topology.cluster needs exactly one of name and connectionSecret" }}{{ end }}
{{- $credentials := printf "%s-user-credentials" (include "ecs.fullname" $) }}
{{- if and .user.create (ne $amqp.existingSecret $credentials) }}{{ $wrong = append $wrong (printf "amqp.existingSecret must be %s, the Secret of the user that topology.user.create makes" $credentials) }}{{ end }}
{{- if and .user.create .user.name }}{{ $wrong = append $wrong "topology.user.create and topology.user.name exclude each other" }}{{ end }}
{{- if not (or .user.create .user.name) }}{{ $wrong = append $wrong "topology.user.name is missing: who gets the rights" }}{{ end }}
{{- range $name := list "AMQP_DECLARE" "AMQP_COMMANDS_EXCHANGE" "AMQP_COMMANDS_QUEUE" "AMQP_EVENTS_EXCHANGE" "AMQP_DEAD_QUEUE" "AMQP_WORK_QUEUE" "AMQP_WORK_DEAD_QUEUE" "AMQP_DELAY_PREFIX" }}
{{- if hasKey ($.Values.config | default dict) $name }}{{ $wrong = append $wrong (printf "topology.enabled excludes config.%s: its objects have the default names" $name) }}{{ end }}
{{- end }}
{{- end }}
{{- end }}
{{- with .Values.redis }}
{{- if and .folder .password }}{{ $wrong = append $wrong "redis.folder and redis.password exclude each other" }}{{ end }}
{{- if and .existingSecret .password }}{{ $wrong = append $wrong "redis.existingSecret and redis.password exclude each other" }}{{ end }}
{{- if regexMatch "^rediss?://[^/]*:[^/]*@" .url }}{{ $wrong = append $wrong "redis.url holds a password, which would be readable in the pod's definition: give redis.existingSecret" }}{{ end }}
{{- if and (or .tls.existingSecret .tls.folder) (not (hasPrefix "rediss://" .url)) }}{{ $wrong = append $wrong "redis.tls.existingSecret needs a rediss:// URL" }}{{ end }}
{{- if ne (empty .tls.certKey) (empty .tls.keyKey) }}{{ $wrong = append $wrong "redis.tls.certKey and redis.tls.keyKey go together" }}{{ end }}
{{- range $key := list "usernameKey" "sentinelUsernameKey" "sentinelPasswordKey" }}
{{- if and (get $.Values.redis $key) (not (or $.Values.redis.existingSecret $.Values.redis.folder)) }}{{ $wrong = append $wrong (printf "redis.%s needs redis.existingSecret" $key) }}{{ end }}
{{- end }}
{{- with .sentinel }}
{{- if ne (empty .hosts) (empty .name) }}{{ $wrong = append $wrong "redis.sentinel.hosts and redis.sentinel.name go together" }}{{ end }}
{{- if and (or .tls.existingSecret .tls.folder) (not (hasPrefix "rediss://" $.Values.redis.url)) }}{{ $wrong = append $wrong "redis.sentinel.tls.existingSecret needs a rediss:// URL" }}{{ end }}
{{- if ne (empty .tls.certKey) (empty .tls.keyKey) }}{{ $wrong = append $wrong "redis.sentinel.tls.certKey and redis.sentinel.tls.keyKey go together" }}{{ end }}
{{- if and .hosts (or (hasKey ($.Values.config | default dict) "REDIS_SENTINEL_HOSTS") (hasKey ($.Values.config | default dict) "REDIS_SENTINEL_NAME")) }}{{ $wrong = append $wrong "redis.sentinel and config.REDIS_SENTINEL_HOSTS or …_NAME say the same thing: give one" }}{{ end }}
{{- end }}
{{- if and .cluster.nodes (hasKey ($.Values.config | default dict) "REDIS_CLUSTER_NODES") }}{{ $wrong = append $wrong "redis.cluster.nodes and config.REDIS_CLUSTER_NODES say the same thing: give one" }}{{ end }}
{{- if and (or .cluster.nodes (get ($.Values.config | default dict) "REDIS_CLUSTER_NODES")) (or .sentinel.hosts (get ($.Values.config | default dict) "REDIS_SENTINEL_HOSTS")) }}{{ $wrong = append $wrong "redis.cluster.nodes and redis.sentinel.hosts exclude each other" }}{{ end }}
{{- end }}
{{- with .Values.cloud }}
{{- if and $.Values.simulator.enabled (or .ecsEndpoint .iamEndpoint) }}{{ $wrong = append $wrong "simulator.enabled excludes cloud.ecsEndpoint and cloud.iamEndpoint" }}{{ end }}
{{- if not .projects }}{{ $wrong = append $wrong "cloud.projects is missing: the ids of the projects that the worker may act on" }}{{ end }}
{{- with .credentials }}
{{- $inline := or .accessKey .secretKey }}
{{- if and .folder $inline }}{{ $wrong = append $wrong "cloud.credentials.folder excludes accessKey and secretKey" }}{{ end }}
{{- if and .existingSecret $inline }}{{ $wrong = append $wrong "cloud.credentials.existingSecret excludes accessKey and secretKey" }}{{ end }}
{{- if and (eq .kind "iam-user") (not (or .existingSecret .folder)) }}{{ $wrong = append $wrong "cloud.credentials.existingSecret is missing: a Secret with the IAM user's name, password and domain" }}{{ end }}
{{- if and $.Values.simulator.enabled (or .existingSecret .folder $inline (ne .kind "ak-sk")) }}{{ $wrong = append $wrong "simulator.enabled brings its own credentials: leave cloud.credentials as it is" }}{{ end }}
{{- if and (not $.Values.simulator.enabled) (eq .kind "ak-sk") (not (or .existingSecret .folder)) (not (and .accessKey .secretKey)) }}{{ $wrong = append $wrong "cloud.credentials.existingSecret is missing: a Secret with access key and secret key (or accessKey and secretKey, for a first try)" }}{{ end }}
{{- end }}
{{- end }}
{{- with .Values }}
{{- range $path, $one := dict "amqp" .amqp "amqp.management" .amqp.management "amqp.tls" .amqp.tls "redis" .redis "redis.tls" .redis.tls "redis.sentinel.tls" .redis.sentinel.tls "cloud.credentials" .cloud.credentials }}
{{- if and $one.existingSecret $one.folder }}{{ $wrong = append $wrong (printf "%s.existingSecret and %s.folder exclude each other" $path $path) }}{{ end }}
{{- end }}
{{- end }}
{{- $grace := include "ecs.graceSeconds" . | int }}
{{- if le (include "ecs.terminationGracePeriodSeconds" . | int) $grace }}
{{- $wrong = append $wrong (printf "terminationGracePeriodSeconds must be more than SHUTDOWN_GRACE_MS (%d s), or a POST in flight is cut off" $grace) }}
{{- end }}
{{- with .Values.podDisruptionBudget }}
{{- if and .enabled (ne (kindIs "invalid" .maxUnavailable) (not (kindIs "invalid" .minAvailable))) }}{{ $wrong = append $wrong "podDisruptionBudget needs exactly one of maxUnavailable and minAvailable (set the other to null)" }}{{ end }}
{{- end }}
{{- with .Values.podDisruptionBudget }}
{{- $least := include "ecs.leastReplicas" $ | int }}
{{- if and .enabled (gt $least 0) }}
{{- if and (not (kindIs "invalid" .maxUnavailable)) (has (toString .maxUnavailable) (list "0" "0%")) }}{{ $wrong = append $wrong "podDisruptionBudget.maxUnavailable 0 lets no node be drained" }}{{ end }}
{{- if not (kindIs "invalid" .minAvailable) }}
{{- $min := toString .minAvailable }}
{{- $stay := hasSuffix "%" $min | ternary (divf (mulf $least (trimSuffix "%" $min | float64)) 100 | ceil) ($min | float64) | int }}
{{- if ge $stay $least }}{{ $wrong = append $wrong (printf "podDisruptionBudget.minAvailable %s lets no node be drained: %d worker(s) run at the least" $min $least) }}{{ end }}
{{- end }}
{{- end }}
{{- end }}
{{- if and .Values.prometheusRule.enabled (not (or .Values.podMonitor.enabled .Values.serviceMonitor.enabled .Values.prometheusRule.selector)) }}{{ $wrong = append $wrong "prometheusRule.enabled needs something that scrapes: podMonitor.enabled, serviceMonitor.enabled, or prometheusRule.selector where something else does" }}{{ end }}
{{- if and .Values.networkPolicy.enabled (include "ecs.usesProxy" .) (not .Values.networkPolicy.egress.proxy.ports) (not (include "ecs.proxyPorts" . | fromJsonArray)) }}{{ $wrong = append $wrong "networkPolicy.egress.proxy.ports is missing: config.ECS_PROXY is on, and extraEnv has no HTTPS_PROXY whose port could be taken" }}{{ end }}
{{- if and .Values.podMonitor.enabled .Values.serviceMonitor.enabled }}{{ $wrong = append $wrong "podMonitor.enabled and serviceMonitor.enabled exclude each other: every pod would be scraped twice" }}{{ end }}
{{- if and .Values.serviceMonitor.enabled (not .Values.service.enabled) }}{{ $wrong = append $wrong "serviceMonitor.enabled needs service.enabled" }}{{ end }}
{{- with .Values.keda }}
{{- if .enabled }}
{{- if gt (int .minReplicaCount) (int .maxReplicaCount) }}{{ $wrong = append $wrong "keda.minReplicaCount must not be more than keda.maxReplicaCount" }}{{ end }}
{{- if and .prometheus.enabled (not .prometheus.serverAddress) }}{{ $wrong = append $wrong "keda.prometheus.serverAddress is missing (or set keda.prometheus.enabled to false)" }}{{ end }}
{{- if and $.Values.amqp.folder .rabbitmq.enabled (not (or .rabbitmq.existingSecret .rabbitmq.authenticationRef)) }}{{ $wrong = append $wrong "keda.rabbitmq.existingSecret is missing: KEDA does not see the files in amqp.folder" }}{{ end }}
{{- with .rabbitmq.tls }}
{{- if ne (empty .certKey) (empty .keyKey) }}{{ $wrong = append $wrong "keda.rabbitmq.tls.certKey and keda.rabbitmq.tls.keyKey go together" }}{{ end }}
{{- end }}
{{- if and (include "ecs.kedaByParts" $) .rabbitmq.enabled (not .rabbitmq.authenticationRef) (or (contains "," $.Values.amqp.host) (eq .rabbitmq.protocol "http")) }}{{ $wrong = append $wrong "keda.rabbitmq.existingSecret is missing: KEDA takes one broker, and the management API by a URL" }}{{ end }}
{{- if not (or .rabbitmq.enabled .prometheus.enabled .extraTriggers) }}{{ $wrong = append $wrong "keda.enabled needs at least one trigger" }}{{ end }}
{{- end }}
{{- end }}
{{- $wrong = concat $wrong (include "ecs.checksOfNames" . | fromJsonArray) (include "ecs.checksOfPorts" . | fromJsonArray) }}
{{- if $wrong }}
{{- fail (printf "\n\nThese values cannot work:\n  - %s\n" (join "\n  - " $wrong)) }}
{{- end }}
{{- end }}

{{/* Names that are given twice, or that nothing has, as a JSON list of what is wrong. */}}
{{- define "ecs.checksOfNames" -}}
{{- $wrong := list }}
{{- $name := include "ecs.fullname" . }}
{{- if not (regexMatch "^[a-z]([-a-z0-9]*[a-z0-9])?$" $name) }}{{ $wrong = append $wrong (printf "the release's name makes %q, which no Service may be called: a letter first, then letters, digits and hyphens. Give fullnameOverride" $name) }}{{ end }}
{{- $own := include "ecs.ownLabels" . | fromJsonArray }}
{{- $dashboard := .Values.dashboard | default dict }}
{{- $labels := dict "commonLabels" .Values.commonLabels "podLabels" .Values.podLabels "service.labels" .Values.service.labels "serviceAccount.labels" .Values.serviceAccount.labels "podMonitor.labels" .Values.podMonitor.labels "serviceMonitor.labels" .Values.serviceMonitor.labels "prometheusRule.labels" .Values.prometheusRule.labels "dashboard.labels" $dashboard.labels }}
{{- $annotations := dict "annotations" .Values.annotations "podAnnotations" .Values.podAnnotations "service.annotations" .Values.service.annotations "serviceAccount.annotations" .Values.serviceAccount.annotations "dashboard.annotations" $dashboard.annotations "keda.annotations" .Values.keda.annotations }}
{{- range $path, $map := merge (dict "nodeSelector" .Values.nodeSelector) $labels $annotations }}
{{- range $key, $_ := $map }}
{{- if and (hasKey $labels $path) (has $key $own) }}{{ $wrong = append $wrong (printf "%s has %s, which the chart sets itself" $path $key) }}{{ end }}
{{- if not (regexMatch "^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[a-zA-Z0-9]([-a-zA-Z0-9_.]{0,61}[a-zA-Z0-9])?$" $key) }}{{ $wrong = append $wrong (printf "%s has the key %q: Kubernetes takes at most 63 letters, digits, -, _ and ., after a DNS name and / where it has one" $path $key) }}{{ end }}
{{- end }}
{{- end }}
{{- range $key, $_ := .Values.prometheusRule.alertLabels }}
{{- if not (regexMatch "^[a-zA-Z_][a-zA-Z0-9_]*$" $key) }}{{ $wrong = append $wrong (printf "prometheusRule.alertLabels has the key %q: Prometheus takes letters, digits and _, and no digit first" $key) }}{{ end }}
{{- end }}
{{- $variables := list }}
{{- range include "ecs.env" . | fromYamlArray }}
{{- if has .name $variables }}{{ $wrong = append $wrong (printf "extraEnv has %s twice, or the chart has it already: give it by config or by the value of its own" .name) }}{{ end }}
{{- $variables = append $variables .name }}
{{- end }}
{{- range $path, $all := dict "extraVolumes" (prepend (.Values.extraVolumes | default list) (dict "name" "secrets")) "extraContainers and initContainers" (concat (list (dict "name" "worker")) (.Values.extraContainers | default list) (.Values.initContainers | default list)) }}
{{- $seen := list }}
{{- range $all }}
{{- if has .name $seen }}{{ $wrong = append $wrong (printf "%s: the name %s is taken" $path .name) }}{{ end }}
{{- $seen = append $seen .name }}
{{- end }}
{{- end }}
{{- with .Values.prometheusRule }}
{{- if or .disabled .severities }}
{{- $alerts := list }}
{{- range $file := list "alerts" "objectives" }}{{ range ($.Files.Get (printf "files/%s.yaml" $file) | fromYaml).groups }}{{ range .rules }}{{ $alerts = append $alerts (.alert | default "") }}{{ end }}{{ end }}{{ end }}
{{- range concat (.disabled | default list) (keys (.severities | default dict) | sortAlpha) }}
{{- if not (has . $alerts) }}{{ $wrong = append $wrong (printf "prometheusRule.disabled and prometheusRule.severities: %q is no alert of files/alerts.yaml or files/objectives.yaml" .) }}{{ end }}
{{- end }}
{{- end }}
{{- end }}
{{- toJson $wrong }}
{{- end }}

{{/* Ports that the network policy takes from what else is given, as a JSON list of what is wrong. */}}
{{- define "ecs.checksOfPorts" -}}
{{- $wrong := list }}
{{- if .Values.networkPolicy.enabled }}
{{- range $name := include "ecs.egressNames" . | fromJsonArray }}
{{- $given := (get $.Values.networkPolicy.egress $name).ports }}
{{- range $given | default (include (printf "ecs.%sPorts" $name) $ | fromJsonArray) }}
{{- if or (lt (int .) 1) (gt (int .) 65535) }}{{ $wrong = append $wrong (printf "networkPolicy.egress.%s would open port %d, which is none: look at the port in %s" $name (int .) (get (dict "amqp" "amqp.url" "redis" "redis.url, redis.sentinel.hosts and redis.cluster.nodes" "https" "cloud.ecsEndpoint, cloud.iamEndpoint, config.IMS_ENDPOINT and config.EVS_ENDPOINT" "proxy" "extraEnv (HTTPS_PROXY, HTTP_PROXY)" "otlp" "tracing.endpoint" "management" "amqp.management.url" "ready" "config.READY_PROBE (tcp:22 or http:8080/healthz)") $name)) }}{{ end }}
{{- end }}
{{- end }}
{{- end }}
{{- toJson $wrong }}
{{- end }}
