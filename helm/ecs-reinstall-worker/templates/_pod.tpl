{{/* Environment of the worker. Secrets come as files, and only their paths stand here. */}}
{{- define "ecs.env" -}}
- name: HTTP_PORT
  value: {{ .Values.http.port | int | quote }}
{{- with .Values.http.metricsPort }}
- name: METRICS_PORT
  value: {{ . | int | quote }}
{{- end }}
{{- with .Values.amqp }}
{{- if .host }}
- name: AMQP_HOST
  value: {{ .host | quote }}
{{- with .port }}
- name: AMQP_PORT
  value: {{ . | int | quote }}
{{- end }}
{{- with .vhost }}
- name: AMQP_VHOST
  value: {{ . | quote }}
{{- end }}
{{- with .scheme }}
- name: AMQP_SCHEME
  value: {{ . | quote }}
{{- end }}
{{- end }}
{{- end }}
{{- if .Values.topology.enabled }}
- name: AMQP_DECLARE
  value: "false"
{{- end }}
{{- with .Values.amqp.management.url }}
- name: AMQP_MANAGEMENT_URL
  value: {{ . | quote }}
{{- end }}
- name: REDIS_URL
  value: {{ .Values.redis.url | quote }}
{{- with .Values.redis.sentinel.hosts }}
- name: REDIS_SENTINEL_HOSTS
  value: {{ join "," . | quote }}
- name: REDIS_SENTINEL_NAME
  value: {{ $.Values.redis.sentinel.name | default "" | quote }}
{{- end }}
{{- with .Values.redis.cluster.nodes }}
- name: REDIS_CLUSTER_NODES
  value: {{ join "," . | quote }}
{{- end }}
- name: ECS_REGION
  value: {{ .Values.cloud.region | quote }}
- name: ECS_PROJECTS
  value: {{ join "," .Values.cloud.projects | quote }}
{{- with include "ecs.cloudEndpoint" (list $ "ecsEndpoint") }}
- name: ECS_ENDPOINT
  value: {{ . | quote }}
{{- end }}
{{- with include "ecs.cloudEndpoint" (list $ "iamEndpoint") }}
- name: IAM_ENDPOINT
  value: {{ . | quote }}
{{- end }}
{{- /* Five refused requests in a row lock the access key, whoever sends them (config/default.yaml). */}}
{{- if and (gt (include "ecs.mostReplicas" . | int) 2) (not (hasKey (.Values.config | default dict) "ECS_AUTH_BREAKER_FAILURES")) }}
- name: ECS_AUTH_BREAKER_FAILURES
  value: "1"
{{- end }}
{{- if and .Values.simulator.enabled (not (hasKey (.Values.config | default dict) "UNSAFE_TEST_WINDOWS")) }}
{{- /* Without it the worker takes plain HTTP on loopback addresses only. */}}
- name: UNSAFE_TEST_WINDOWS
  value: "true"
{{- end }}
{{- range $name, $value := (.Values.config | default dict) }}
- name: {{ $name }}
  value: {{ include "ecs.text" $value | quote }}
{{- end }}
{{- range $name, $value := .Values.brakes }}
- name: {{ include "ecs.brakeVariable" $name }}
  value: {{ include "ecs.brakeText" $value | quote }}
{{- end }}
{{- range include "ecs.secretFiles" . | fromJsonArray }}
- name: {{ .env }}
  value: {{ include "ecs.secretPath" . | quote }}
{{- end }}
{{- with .Values.tracing }}
{{- if .endpoint }}
- name: OTEL_EXPORTER_OTLP_ENDPOINT
  value: {{ .endpoint | quote }}
{{- if .existingSecret }}
- name: OTEL_EXPORTER_OTLP_HEADERS
  valueFrom:
    secretKeyRef:
      name: {{ .existingSecret | quote }}
      key: {{ .headersKey | quote }}
{{- end }}
{{- end }}
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* One volume with every secret: Kubernetes swaps all of its files at once. A whole folder, for a subPath is never updated. */}}
{{- define "ecs.secretsVolume" -}}
name: secrets
projected:
  # Read by the group, which is fsGroup.
  defaultMode: 0440
  sources:
    {{- range include "ecs.mountedSecretFiles" . | fromJsonArray }}
    - {{ empty .configMap | ternary "secret" "configMap" }}:
        name: {{ .configMap | default .secret | quote }}
        items:
          - key: {{ .key | quote }}
            path: {{ .path }}
    {{- end }}
{{- end }}

{{/* Spread over nodes and zones; the pods to count are filled in where the values leave them out. */}}
{{- define "ecs.topologySpreadConstraints" -}}
{{- $constraints := list }}
{{- range .Values.topologySpreadConstraints }}
{{- $constraint := deepCopy . }}
{{- if not (hasKey $constraint "labelSelector") }}
{{- $_ := set $constraint "labelSelector" (dict "matchLabels" (include "ecs.workerLabels" $ | fromYaml)) }}
{{- if not (hasKey $constraint "matchLabelKeys") }}{{ $_ := set $constraint "matchLabelKeys" (list "pod-template-hash") }}{{ end }}
{{- end }}
{{- $constraints = append $constraints $constraint }}
{{- end }}
{{- toYaml $constraints }}
{{- end }}
