{{/* Names and labels. The prefix is at most 40 characters, a worker's name 20, so that every name stays under 63. */}}

{{- define "streampost.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "streampost.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Selectors never change and never name a version. Argument: dict root, component. */}}
{{- define "streampost.selector" -}}
app.kubernetes.io/name: {{ include "streampost.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "streampost.labels" -}}
{{ include "streampost.selector" . }}
app.kubernetes.io/part-of: streampost
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "streampost.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "streampost.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{ include "streampost.fullname" . }}
{{- else -}}
{{ .Values.serviceAccount.name | default "default" }}
{{- end -}}
{{- end -}}

{{- define "streampost.configMapName" -}}
{{ .Values.config.existingConfigMap | default (printf "%s-config" (include "streampost.fullname" .)) }}
{{- end -}}

{{/* The workers that run, each over workerDefaults, as a JSON object by name: the one place that merges them. */}}
{{- define "streampost.workers" -}}
{{- $found := dict -}}
{{- range $name, $worker := .Values.workers -}}
{{- $merged := mergeOverwrite (deepCopy $.Values.workerDefaults) (deepCopy $worker) -}}
{{- if $merged.enabled -}}
{{- $_ := set $merged "groupPrefix" ($merged.groupPrefix | default $.Values.kafka.groupPrefix) -}}
{{- $_ := set $found $name $merged -}}
{{- end -}}
{{- end -}}
{{ toJson $found }}
{{- end -}}

{{/* "true" when a sink runs. */}}
{{- define "streampost.hasSink" -}}
{{- range $name, $worker := include "streampost.workers" . | fromJson -}}
{{- if eq $worker.role "sink" -}}true{{- end -}}
{{- end -}}
{{- end -}}
