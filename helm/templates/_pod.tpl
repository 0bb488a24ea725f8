{{- /* What every pod of the release has in common. `command`: of bridge. */ -}}
{{- define "bridge.podSecurity" -}}
serviceAccountName: {{ include "bridge.serviceAccountName" . }}
automountServiceAccountToken: false
# Kubernetes would name the Service in BRIDGE_… variables, which are settings.
enableServiceLinks: false
securityContext: {{- toYaml .Values.podSecurityContext | nindent 2 }}
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "bridge.container" -}}
image: {{ include "bridge.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext: {{- toYaml .Values.securityContext | nindent 2 }}
env:
  - name: BRIDGE_CONFIG_FILE
    value: {{ include "bridge.settingsDirectory" . }}/bridge.yaml
  {{- with .Values.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
resources: {{- toYaml .Values.resources | nindent 2 }}
volumeMounts:
  # Directories, never subPath: a file mounted by itself does not change when its Secret or ConfigMap does.
  - {name: settings, mountPath: {{ include "bridge.settingsDirectory" . }}, readOnly: true}
  - {name: secrets, mountPath: {{ include "bridge.secretsDirectory" . }}, readOnly: true}
  {{- if include "bridge.herIdsConfigMap" . }}
  - {name: her-ids, mountPath: {{ include "bridge.herIdsDirectory" . }}, readOnly: true}
  {{- end }}
  - {name: tmp, mountPath: /tmp}
  {{- if eq .Values.store.kind "sqlite" }}
  - {name: data, mountPath: {{ include "bridge.dataDirectory" . }}}
  {{- end }}
  {{- with .Values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{- /* All but the data. */ -}}
{{- define "bridge.volumes" -}}
- name: settings
  configMap: {name: {{ include "bridge.fullname" . }}-settings}
- name: secrets
  projected:
    # The group is the pod's fsGroup.
    defaultMode: 0440
    sources:
      {{- range $secret, $setting := include "bridge.secretSettings" . | fromYaml }}
      {{- with get $.Values.secrets $secret }}
      {{- if .name }}
      - secret:
          name: {{ .name }}
          items: [{key: {{ .key | quote }}, path: {{ $setting }}}]
      {{- end }}
      {{- end }}
      {{- end }}
{{- with include "bridge.herIdsConfigMap" . }}
- name: her-ids
  configMap: {name: {{ . }}}
{{- end }}
- name: tmp
  emptyDir: {sizeLimit: 64Mi}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "bridge.podTemplate" -}}
metadata:
  labels:
    {{- include "bridge.selectorLabels" . | nindent 4 }}
    app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
    {{- with .Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    # Settings are read once: a change starts new pods. HER-ids and secrets are not in it, they are read again.
    checksum/settings: {{ include "bridge.settings" . | sha256sum }}
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  {{- include "bridge.podSecurity" . | nindent 2 }}
  # A drain finishes what is in flight, commits, and hands over the streams; it may take settings.shutdown_deadline_s.
  terminationGracePeriodSeconds: {{ default (add (include "bridge.shutdownDeadline" . | int) 10) .Values.terminationGracePeriodSeconds | int }}
  {{- with .Values.affinity }}
  affinity: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if gt (int .Values.replicas) 1 }}
  {{- with .Values.topologySpreadConstraints }}
  topologySpreadConstraints:
    {{- range . }}
    - {{- toYaml . | nindent 6 }}
      {{- if not .labelSelector }}
      labelSelector:
        matchLabels: {{- include "bridge.selectorLabels" $ | nindent 10 }}
      {{- end }}
    {{- end }}
  {{- end }}
  {{- end }}
  containers:
    - name: bridge
      {{- include "bridge.container" . | nindent 6 }}
      args: [run]
      ports:
        - {name: ops, containerPort: {{ include "bridge.opsPort" . }}, protocol: TCP}
      # The ops port is open before store and broker are: a bridge that waits for them is alive and not ready.
      startupProbe:
        httpGet: {path: /livez, port: ops}
        periodSeconds: 2
        failureThreshold: 60
      livenessProbe:
        httpGet: {path: /livez, port: ops}
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
      readinessProbe:
        httpGet: {path: /readyz, port: ops}
        periodSeconds: 5
        timeoutSeconds: 5
        failureThreshold: 2
  volumes:
    {{- include "bridge.volumes" . | nindent 4 }}
{{- end -}}
