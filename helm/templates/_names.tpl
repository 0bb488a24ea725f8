{{- define "bridge.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- /* A release called `bridge` in a chart called `notification-bridge` needs no name said twice. */ -}}
{{- define "bridge.fullname" -}}
{{- $name := include "bridge.name" . -}}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- default $full .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- end -}}

{{- /* On every pod of this release, the one of `helm test` among them: what the NetworkPolicy selects. */ -}}
{{- define "bridge.releaseLabels" -}}
app.kubernetes.io/name: {{ include "bridge.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- /* On the bridges alone. Never to be changed: a Deployment's selector cannot be. */ -}}
{{- define "bridge.selectorLabels" -}}
{{ include "bridge.releaseLabels" . }}
app.kubernetes.io/component: bridge
{{- end -}}

{{- define "bridge.labels" -}}
{{ include "bridge.releaseLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: notification-bridge
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "bridge.serviceAccountName" -}}
{{- $own := ternary (include "bridge.fullname" .) "default" .Values.serviceAccount.create -}}
{{- default $own .Values.serviceAccount.name -}}
{{- end -}}

{{- define "bridge.image" -}}
{{- $tag := default .Chart.AppVersion .Values.image.tag -}}
{{- with .Values.image -}}
{{ .repository }}:{{ $tag }}{{ with .digest }}@{{ . }}{{ end }}
{{- end -}}
{{- end -}}

{{- define "bridge.herIdsConfigMap" -}}
{{- if .Values.herIds.existingConfigMap -}}
{{ .Values.herIds.existingConfigMap }}
{{- else if .Values.herIds.files -}}
{{ include "bridge.fullname" . }}-her-ids
{{- end -}}
{{- end -}}
