{{/*
Every secret of the worker as a list of {env, path, secret, key, folder}: the variable that names the file, the file below
the secrets' folder, and where it comes from; with `folder` something else mounts it there, as a file named `key`. Made once;
volume, environment and the chart's own Secret follow from it.
*/}}
{{- define "ecs.secretFiles" -}}
{{- $own := include "ecs.fullname" . }}
{{- $files := list }}
{{- with .Values.amqp }}
{{- if .host }}
{{- $files = append $files (dict "env" "AMQP_USERNAME_FILE" "path" "amqp/username" "secret" .existingSecret "folder" .folder "key" .usernameKey) }}
{{- $files = append $files (dict "env" "AMQP_PASSWORD_FILE" "path" "amqp/password" "secret" .existingSecret "folder" .folder "key" .passwordKey) }}
{{- else }}
{{- $files = append $files (dict "env" "AMQP_URL_FILE" "path" "amqp/url" "secret" (.existingSecret | default $own) "folder" .folder "key" (or .existingSecret .folder | empty | ternary "amqp-url" .urlKey)) }}
{{- end }}
{{- with .management }}
{{- if or .existingSecret .folder }}
{{- $files = append $files (dict "env" "AMQP_MANAGEMENT_USERNAME_FILE" "path" "amqp/management-username" "secret" .existingSecret "folder" .folder "key" .usernameKey) }}
{{- $files = append $files (dict "env" "AMQP_MANAGEMENT_PASSWORD_FILE" "path" "amqp/management-password" "secret" .existingSecret "folder" .folder "key" .passwordKey) }}
{{- end }}
{{- end }}
{{- $files = concat $files (include "ecs.tlsFiles" (dict "tls" .tls "prefix" "AMQP_TLS" "folder" "amqp") | fromJsonArray) }}
{{- end }}
{{- with .Values.redis }}
{{- if or .existingSecret .folder .password }}
{{- $files = append $files (dict "env" "REDIS_PASSWORD_FILE" "path" "redis/password" "secret" (.existingSecret | default $own) "folder" .folder "key" (or .existingSecret .folder | empty | ternary "redis-password" .passwordKey)) }}
{{- end }}
{{- if and (or .existingSecret .folder) .usernameKey }}
{{- $files = append $files (dict "env" "REDIS_USERNAME_FILE" "path" "redis/username" "secret" .existingSecret "folder" .folder "key" .usernameKey) }}
{{- end }}
{{- if and (or .existingSecret .folder) .sentinelUsernameKey }}
{{- $files = append $files (dict "env" "REDIS_SENTINEL_USERNAME_FILE" "path" "redis/sentinel-username" "secret" .existingSecret "folder" .folder "key" .sentinelUsernameKey) }}
{{- end }}
{{- if and (or .existingSecret .folder) .sentinelPasswordKey }}
{{- $files = append $files (dict "env" "REDIS_SENTINEL_PASSWORD_FILE" "path" "redis/sentinel-password" "secret" .existingSecret "folder" .folder "key" .sentinelPasswordKey) }}
{{- end }}
{{- $files = concat $files (include "ecs.tlsFiles" (dict "tls" .tls "prefix" "REDIS_TLS" "folder" "redis") | fromJsonArray) }}
{{- $files = concat $files (include "ecs.tlsFiles" (dict "tls" .sentinel.tls "prefix" "REDIS_SENTINEL_TLS" "folder" "redis/sentinel") | fromJsonArray) }}
{{- end }}
{{- with .Values.cloud.credentials }}
{{- if eq .kind "iam-user" }}
{{- $files = append $files (dict "env" "IAM_USERNAME_FILE" "path" "cloud/username" "secret" .existingSecret "folder" .folder "key" .keys.username) }}
{{- $files = append $files (dict "env" "IAM_PASSWORD_FILE" "path" "cloud/password" "secret" .existingSecret "folder" .folder "key" .keys.password) }}
{{- $files = append $files (dict "env" "IAM_DOMAIN_FILE" "path" "cloud/domain" "secret" .existingSecret "folder" .folder "key" .keys.domain) }}
{{- else }}
{{- $files = append $files (dict "env" "ECS_ACCESS_KEY_FILE" "path" "cloud/access-key" "secret" (.existingSecret | default $own) "folder" .folder "key" (or .existingSecret .folder | empty | ternary "access-key" .keys.accessKey)) }}
{{- $files = append $files (dict "env" "ECS_SECRET_KEY_FILE" "path" "cloud/secret-key" "secret" (.existingSecret | default $own) "folder" .folder "key" (or .existingSecret .folder | empty | ternary "secret-key" .keys.secretKey)) }}
{{- if and (or .existingSecret .folder) .keys.securityToken }}
{{- $files = append $files (dict "env" "ECS_SECURITY_TOKEN_FILE" "path" "cloud/security-token" "secret" .existingSecret "folder" .folder "key" .keys.securityToken) }}
{{- end }}
{{- end }}
{{- end }}
{{- with .Values.cloud.ca }}
{{- $files = append $files (dict "env" "ECS_CA_FILE" "path" "cloud/ca.crt" "secret" .secret "configMap" .configMap "key" (.key | default "ca.crt")) }}
{{- end }}
{{- toJson $files }}
{{- end }}

{{/* CA, certificate and key of one room, as ecs.secretFiles wants them: {tls, prefix, folder}. */}}
{{- define "ecs.tlsFiles" -}}
{{- $files := list }}
{{- $secret := .tls.existingSecret }}
{{- if or $secret $.tls.folder }}
{{- range $kind := list "ca" "cert" "key" }}
{{- with get $.tls (printf "%sKey" $kind) }}
{{- $files = append $files (dict "env" (printf "%s_%s_FILE" $.prefix (upper $kind)) "path" (printf "%s/tls-%s.pem" $.folder $kind) "secret" $secret "folder" $.tls.folder "key" .) }}
{{- end }}
{{- end }}
{{- end }}
{{- toJson $files }}
{{- end }}

{{/* Where a secret's file is: {file} of ecs.secretFiles. */}}
{{- define "ecs.secretPath" -}}
{{- if .folder }}{{ printf "%s/%s" (trimSuffix "/" .folder) .key }}{{ else }}{{ printf "%s/%s" (include "ecs.secretsFolder" nil) .path }}{{ end }}
{{- end }}

{{/* Those that the chart mounts itself. */}}
{{- define "ecs.mountedSecretFiles" -}}
{{- $mounted := list }}
{{- range include "ecs.secretFiles" . | fromJsonArray }}
{{- if not .folder }}{{ $mounted = append $mounted . }}{{ end }}
{{- end }}
{{- toJson $mounted }}
{{- end }}

{{/* What was given in the values themselves, as a map of the chart's own Secret: empty when all secrets exist already. */}}
{{- define "ecs.ownSecret" -}}
{{- $own := dict }}
{{- if .Values.amqp.url }}{{ $_ := set $own "amqp-url" .Values.amqp.url }}{{ end }}
{{- if and .Values.redis.password (not .Values.redis.existingSecret) }}{{ $_ := set $own "redis-password" .Values.redis.password }}{{ end }}
{{- with .Values.cloud.credentials }}
{{- if and (eq .kind "ak-sk") (not (or .existingSecret .folder)) }}
{{- /* The simulated cloud's own, which everybody may know (src/simulator/defaults.ts). */}}
{{- $_ := set $own "access-key" ($.Values.simulator.enabled | ternary "SIMULATEDAK000000001" .accessKey) }}
{{- $_ := set $own "secret-key" ($.Values.simulator.enabled | ternary "simulatedSecretKeySimulatedSecretKey0001" .secretKey) }}
{{- end }}
{{- end }}
{{- toJson $own }}
{{- end }}
