{{/* What the schema cannot say: rules between values. All that is wrong is told at once. */}}
{{- define "ecs.checks" -}}
{{- $wrong := list }}
{{- with .Values.amqp }}
{{- if and .existingSecret .url }}{{ $wrong = append $wrong "amqp.existingSecret and amqp.url exclude each other" }}{{ end }}
{{- if not (or .existingSecret .url) }}{{ $wrong = append $wrong "amqp.existingSecret is missing: a Secret with the broker's URL (or amqp.url, for a first try)" }}{{ end }}
{{- if and .url .tls.existingSecret (not (contains "amqps://" .url)) }}{{ $wrong = append $wrong "amqp.tls.existingSecret needs an amqps:// URL" }}{{ end }}
{{- if ne (empty .tls.certKey) (empty .tls.keyKey) }}{{ $wrong = append $wrong "amqp.tls.certKey and amqp.tls.keyKey go together" }}{{ end }}
{{- end }}
{{- with .Values.redis }}
{{- if and .existingSecret .password }}{{ $wrong = append $wrong "redis.existingSecret and redis.password exclude each other" }}{{ end }}
{{- if regexMatch "^rediss?://[^/]*:[^/]*@" .url }}{{ $wrong = append $wrong "redis.url holds a password, which would be readable in the pod's definition: give redis.existingSecret" }}{{ end }}
{{- if and .tls.existingSecret (not (hasPrefix "rediss://" .url)) }}{{ $wrong = append $wrong "redis.tls.existingSecret needs a rediss:// URL" }}{{ end }}
{{- if ne (empty .tls.certKey) (empty .tls.keyKey) }}{{ $wrong = append $wrong "redis.tls.certKey and redis.tls.keyKey go together" }}{{ end }}
{{- end }}
{{- with .Values.cloud }}
{{- if not .projects }}{{ $wrong = append $wrong "cloud.projects is missing: the ids of the projects that the worker may act on" }}{{ end }}
{{- with .credentials }}
{{- $inline := or .accessKey .secretKey }}
{{- if and .existingSecret $inline }}{{ $wrong = append $wrong "cloud.credentials.existingSecret excludes accessKey and secretKey" }}{{ end }}
{{- if and (eq .kind "iam-user") (not .existingSecret) }}{{ $wrong = append $wrong "cloud.credentials.existingSecret is missing: a Secret with the IAM user's name, password and domain" }}{{ end }}
{{- if and (eq .kind "ak-sk") (not .existingSecret) (not (and .accessKey .secretKey)) }}{{ $wrong = append $wrong "cloud.credentials.existingSecret is missing: a Secret with access key and secret key (or accessKey and secretKey, for a first try)" }}{{ end }}
{{- end }}
{{- end }}
{{- $grace := include "ecs.graceSeconds" . | int }}
{{- if le (include "ecs.terminationGracePeriodSeconds" . | int) $grace }}
{{- $wrong = append $wrong (printf "terminationGracePeriodSeconds must be more than SHUTDOWN_GRACE_MS (%d s), or a POST in flight is cut off" $grace) }}
{{- end }}
{{- with .Values.podDisruptionBudget }}
{{- if and .enabled (ne (kindIs "invalid" .maxUnavailable) (not (kindIs "invalid" .minAvailable))) }}{{ $wrong = append $wrong "podDisruptionBudget needs exactly one of maxUnavailable and minAvailable (set the other to null)" }}{{ end }}
{{- end }}
{{- if and .Values.podMonitor.enabled .Values.serviceMonitor.enabled }}{{ $wrong = append $wrong "podMonitor.enabled and serviceMonitor.enabled exclude each other: every pod would be scraped twice" }}{{ end }}
{{- if and .Values.serviceMonitor.enabled (not .Values.service.enabled) }}{{ $wrong = append $wrong "serviceMonitor.enabled needs service.enabled" }}{{ end }}
{{- with .Values.keda }}
{{- if .enabled }}
{{- if gt (int .minReplicaCount) (int .maxReplicaCount) }}{{ $wrong = append $wrong "keda.minReplicaCount must not be more than keda.maxReplicaCount" }}{{ end }}
{{- if and .prometheus.enabled (not .prometheus.serverAddress) }}{{ $wrong = append $wrong "keda.prometheus.serverAddress is missing (or set keda.prometheus.enabled to false)" }}{{ end }}
{{- if not (or .rabbitmq.enabled .prometheus.enabled .extraTriggers) }}{{ $wrong = append $wrong "keda.enabled needs at least one trigger" }}{{ end }}
{{- end }}
{{- end }}
{{- if $wrong }}
{{- fail (printf "\n\nThese values cannot work:\n  - %s\n" (join "\n  - " $wrong)) }}
{{- end }}
{{- end }}
