{{- define "ecs.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "ecs.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else if contains (include "ecs.name" .) .Release.Name }}
{{- .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "ecs.name" .) | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{/* A name with something behind it, still at most 63 characters: (list $ "suffix") */}}
{{- define "ecs.suffixed" -}}
{{- $suffix := printf "-%s" (index . 1) }}
{{- printf "%s%s" (include "ecs.fullname" (index . 0) | trunc (int (sub 63 (len $suffix))) | trimSuffix "-") $suffix }}
{{- end }}

{{/* Labels are made as maps: each stands once, and is a text, whatever it looks like. */}}
{{- define "ecs.selectorLabels" -}}
{{- dict "app.kubernetes.io/name" (include "ecs.name" .) "app.kubernetes.io/instance" .Release.Name | toYaml }}
{{- end }}

{{/* The test pod has the labels above too: the component keeps it out of the Deployment's, the Service's and the policies' reach. */}}
{{- define "ecs.workerLabels" -}}
{{ include "ecs.selectorLabels" . }}
app.kubernetes.io/component: worker
{{- end }}

{{- define "ecs.version" -}}
{{- .Values.image.tag | default .Chart.AppVersion | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* Labels of an object: (list $ component more). Its own win, then those of the object in the values, then the common ones. */}}
{{- define "ecs.labels" -}}
{{- $ := index . 0 }}
{{- $own := dict "helm.sh/chart" (printf "%s-%s" $.Chart.Name $.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-") "app.kubernetes.io/version" (include "ecs.version" $) "app.kubernetes.io/managed-by" $.Release.Service }}
{{- with index . 1 }}{{ $_ := set $own "app.kubernetes.io/component" . }}{{ end }}
{{- merge (dict) $own (include "ecs.selectorLabels" $ | fromYaml) (index . 2 | default dict) ($.Values.commonLabels | default dict) | toYaml }}
{{- end }}

{{/* Those of the pods: without the chart's version, so that an upgrade that changes nothing for them leaves them running. */}}
{{- define "ecs.podLabels" -}}
{{- $own := dict "app.kubernetes.io/version" (include "ecs.version" .) }}
{{- merge (dict) $own (include "ecs.workerLabels" . | fromYaml) (.Values.podLabels | default dict) (.Values.commonLabels | default dict) | toYaml }}
{{- end }}

{{/* Labels that the chart sets, and nobody else. */}}
{{- define "ecs.ownLabels" -}}
{{- list "app.kubernetes.io/component" "app.kubernetes.io/instance" "app.kubernetes.io/managed-by" "app.kubernetes.io/name" "app.kubernetes.io/version" "helm.sh/chart" | toJson }}
{{- end }}

{{- define "ecs.image" -}}
{{- $image := .Values.image }}
{{- $name := $image.repository }}
{{- with $image.registry }}{{ $name = printf "%s/%s" (trimSuffix "/" .) $name }}{{ end }}
{{- if $image.digest }}
{{- printf "%s@%s" $name $image.digest }}
{{- else }}
{{- printf "%s:%s" $name ($image.tag | default .Chart.AppVersion) }}
{{- end }}
{{- end }}

{{- define "ecs.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "ecs.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{/* A number from a values file is a float64 by now, and would be printed as 6.048e+08. */}}
{{- define "ecs.text" -}}
{{- if and (kindIs "float64" .) (eq (floor .) .) }}{{ . | int64 }}{{ else }}{{ . }}{{ end }}
{{- end }}

{{/* Of the worker's SHUTDOWN_GRACE_MS, in seconds, rounded up. */}}
{{- define "ecs.graceSeconds" -}}
{{- $ms := get (.Values.config | default dict) "SHUTDOWN_GRACE_MS" | default 25000 | toString | float64 }}
{{- divf $ms 1000 | ceil | int }}
{{- end }}

{{- define "ecs.terminationGracePeriodSeconds" -}}
{{- if kindIs "invalid" .Values.terminationGracePeriodSeconds }}
{{- add (include "ecs.graceSeconds" . | int) 10 }}
{{- else }}
{{- .Values.terminationGracePeriodSeconds | int }}
{{- end }}
{{- end }}

{{/* The most workers that may run at the same time, the new ones of a rollout included. */}}
{{- define "ecs.mostReplicas" -}}
{{- $most := empty .Values.keda.enabled | ternary .Values.replicaCount .Values.keda.maxReplicaCount | int }}
{{- $rolling := .Values.updateStrategy.rollingUpdate | default dict }}
{{- $surge := get $rolling "maxSurge" | default 0 | toString }}
{{- if hasSuffix "%" $surge }}
{{- add $most (divf (mulf $most (trimSuffix "%" $surge | float64)) 100 | ceil | int) }}
{{- else }}
{{- add $most ($surge | float64 | int) }}
{{- end }}
{{- end }}

{{- define "ecs.servicePort" -}}
{{- .Values.service.port | default .Values.http.port | int }}
{{- end }}

{{/* Name of the port that answers probes and gives metrics. */}}
{{- define "ecs.probePort" -}}
{{- if .Values.http.metricsPort }}metrics{{ else }}http{{ end }}
{{- end }}

{{/* A probe of the worker's web server: (list $ "/livez" values) */}}
{{- define "ecs.probe" -}}
{{- merge (dict "httpGet" (dict "path" (index . 1) "port" (include "ecs.probePort" (index . 0)))) (index . 2) | toYaml }}
{{- end }}

{{/* The least workers that run when nothing is wrong. */}}
{{- define "ecs.leastReplicas" -}}
{{- empty .Values.keda.enabled | ternary .Values.replicaCount .Values.keda.minReplicaCount | int }}
{{- end }}

{{/* Queue that KEDA looks at. */}}
{{- define "ecs.commandsQueue" -}}
{{- get (.Values.config | default dict) "AMQP_COMMANDS_QUEUE" | default "ecs.reinstall.commands" }}
{{- end }}

{{/* What selects this release's time series: the monitors make `job` of the release's name. */}}
{{- define "ecs.seriesSelector" -}}
{{- .Values.prometheusRule.selector | default (printf "namespace=%q,job=%q" .Release.Namespace .Release.Name) }}
{{- end }}

{{/* The cloud's endpoints: the simulated cloud's, or those of the values; empty: the worker's defaults. (list $ "ecsEndpoint") */}}
{{- define "ecs.cloudEndpoint" -}}
{{- $ := index . 0 }}
{{- if $.Values.simulator.enabled }}
{{- printf "http://%s:%d" (include "ecs.suffixed" (list $ "simulator")) ($.Values.simulator.port | int) }}
{{- else }}
{{- get $.Values.cloud (index . 1) }}
{{- end }}
{{- end }}

{{/* Where secrets are mounted. */}}
{{- define "ecs.secretsFolder" -}}
/run/secrets/ecs-reinstall-worker
{{- end }}

{{/* Variable of a setting of the brakes: maxRunning is BRAKES_MAX_RUNNING. */}}
{{- define "ecs.brakeVariable" -}}
BRAKES_{{ . | snakecase | upper }}
{{- end }}

{{/* A value of the brakes as its variable takes it: a list of names with commas, an empty one and one of objects as JSON. */}}
{{- define "ecs.brakeText" -}}
{{- if not (kindIs "slice" .) }}{{ include "ecs.text" . }}
{{- else }}
{{- $items := compact . }}
{{- if or (empty $items) (kindIs "map" (first $items)) }}{{ toJson $items }}{{ else }}{{ join "," $items }}{{ end }}
{{- end }}
{{- end }}
