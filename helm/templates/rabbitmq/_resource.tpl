{{- /* One resource of the Messaging Topology Operator. `root`, `kind`, `name` (any text: it becomes a resource's), `spec`. */ -}}
{{- define "bridge.rabbitmq" -}}
{{- $clean := regexReplaceAll "[^a-z0-9]+" (lower .name) "-" | trimAll "-" | trunc 100 | trimSuffix "-" }}
---
apiVersion: rabbitmq.com/v1beta1
kind: {{ .kind }}
metadata:
  # The sum keeps two names apart that differ only in what a resource's name cannot have.
  name: {{ include "bridge.fullname" .root }}-{{ $clean }}-{{ .name | sha256sum | trunc 6 }}
  namespace: {{ .root.Release.Namespace }}
  labels: {{- include "bridge.labels" .root | nindent 4 }}
spec:
  vhost: {{ .root.Values.topology.vhost | quote }}
  rabbitmqClusterReference: {{- toYaml .root.Values.topology.clusterReference | nindent 4 }}
  {{- toYaml .spec | nindent 2 }}
{{- end -}}
