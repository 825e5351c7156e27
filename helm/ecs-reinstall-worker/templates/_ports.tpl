{{/*
Ports that the settings lead to, as a JSON list without repeats: what the network policy opens when nobody says otherwise.
*/}}

{{/* Of URLs, hosts with a port, and their default: (dict "of" list "default" 443). A URL's scheme has a default of its own. */}}
{{- define "ecs.portsOf" -}}
{{- $schemes := dict "https" 443 "http" 80 "amqp" 5672 "amqps" 5671 "redis" 6379 "rediss" 6379 }}
{{- $ports := list }}
{{- range .of }}
{{- $scheme := regexFind "^[a-z]+://" . | trimSuffix "://" }}
{{- $server := regexReplaceAll "^[a-z]+://" . "" | regexFind "^[^/?#]*" | regexFind "[^@]*$" }}
{{- $port := regexFind ":[0-9]+$" $server | trimPrefix ":" }}
{{- $ports = append $ports ($port | default (get $schemes $scheme) | default $.default | int) }}
{{- end }}
{{- $ports | uniq | toJson }}
{{- end }}

{{- define "ecs.amqpPorts" -}}
{{- $amqp := .Values.amqp }}
{{- if $amqp.host }}
{{- list ($amqp.port | default (eq $amqp.scheme "amqps" | ternary 5671 5672) | int) | toJson }}
{{- else if $amqp.url }}
{{- include "ecs.portsOf" (dict "of" (splitList "," $amqp.url) "default" 5672) }}
{{- else }}
{{- list 5672 5671 | toJson }}
{{- end }}
{{- end }}

{{- define "ecs.redisPorts" -}}
{{- $redis := .Values.redis }}
{{- $sentinels := $redis.sentinel.hosts | default (include "ecs.listed" (get (.Values.config | default dict) "REDIS_SENTINEL_HOSTS") | fromJsonArray) }}
{{- $nodes := $redis.cluster.nodes | default (include "ecs.listed" (get (.Values.config | default dict) "REDIS_CLUSTER_NODES") | fromJsonArray) }}
{{- if $nodes }}
{{- include "ecs.portsOf" (dict "of" $nodes "default" 6379) }}
{{- else }}
{{- /* Where the Sentinels' primary listens only they know: the URL has the same port, most likely. */}}
{{- $ports := include "ecs.portsOf" (dict "of" (list $redis.url) "default" 6379) | fromJsonArray }}
{{- concat $ports (include "ecs.portsOf" (dict "of" $sentinels "default" 26379) | fromJsonArray) | uniq | toJson }}
{{- end }}
{{- end }}

{{- define "ecs.httpsPorts" -}}
{{- $ends := list (include "ecs.cloudEndpoint" (list $ "ecsEndpoint") | default "https://ecs") (include "ecs.cloudEndpoint" (list $ "iamEndpoint") | default "https://iam") }}
{{- with get (.Values.config | default dict) "IMS_ENDPOINT" }}{{ $ends = append $ends . }}{{ end }}
{{- with get (.Values.config | default dict) "EVS_ENDPOINT" }}{{ $ends = append $ends . }}{{ end }}
{{- include "ecs.portsOf" (dict "of" $ends "default" 443) }}
{{- end }}

{{/* Of HTTPS_PROXY and HTTP_PROXY, where they stand in extraEnv themselves. */}}
{{- define "ecs.proxyPorts" -}}
{{- $proxies := list }}
{{- range .Values.extraEnv }}
{{- if and (has (upper .name) (list "HTTPS_PROXY" "HTTP_PROXY")) .value }}{{ $proxies = append $proxies .value }}{{ end }}
{{- end }}
{{- include "ecs.portsOf" (dict "of" $proxies "default" 80) }}
{{- end }}

{{- define "ecs.managementPorts" -}}
{{- include "ecs.portsOf" (dict "of" (list .Values.amqp.management.url) "default" 80) }}
{{- end }}

{{- define "ecs.otlpPorts" -}}
{{- include "ecs.portsOf" (dict "of" (list .Values.tracing.endpoint) "default" 443) }}
{{- end }}

{{/* `tcp:22`, `http:8080/healthz`. */}}
{{- define "ecs.readyPorts" -}}
{{- list (get (.Values.config | default dict) "READY_PROBE" | toString | regexFind "[0-9]+" | int) | toJson }}
{{- end }}

{{/* A setting with commas in it as a JSON list. */}}
{{- define "ecs.listed" -}}
{{- $all := list }}
{{- range splitList "," (toString (. | default "")) }}{{ with trim . }}{{ $all = append $all . }}{{ end }}{{ end }}
{{- toJson $all }}
{{- end }}

{{- define "ecs.usesProxy" -}}
{{- if eq (get (.Values.config | default dict) "ECS_PROXY" | toString) "true" }}true{{ end }}
{{- end }}

{{/* What the pods may have to reach, DNS aside, by its name in networkPolicy.egress, as a JSON list. */}}
{{- define "ecs.egressNames" -}}
{{- $names := list "amqp" "redis" "https" }}
{{- if include "ecs.usesProxy" . }}{{ $names = append $names "proxy" }}{{ end }}
{{- if .Values.tracing.endpoint }}{{ $names = append $names "otlp" }}{{ end }}
{{- if .Values.amqp.management.url }}{{ $names = append $names "management" }}{{ end }}
{{- if get (.Values.config | default dict) "READY_PROBE" }}{{ $names = append $names "ready" }}{{ end }}
{{- toJson $names }}
{{- end }}
