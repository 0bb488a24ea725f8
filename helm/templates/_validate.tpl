{{- /* What only a person can put right, said before anything is installed. */ -}}
{{- define "bridge.validate" -}}
{{- $values := .Values -}}
{{- if and (eq .Values.store.kind "sqlite") (gt (int .Values.replicas) 1) -}}
{{- fail (printf "replicas is %d, but store.kind is sqlite, which one bridge alone can use: set replicas to 1, or store.kind to postgresql." (int .Values.replicas)) -}}
{{- end -}}
{{- if and (eq .Values.store.kind "postgresql") (not .Values.secrets.storeUrl.name) -}}
{{- fail "secrets.storeUrl.name is missing: name the Secret with the database's URL, or set store.kind to sqlite and replicas to 1." -}}
{{- end -}}
{{- if and (eq .Values.store.kind "sqlite") .Values.secrets.storeUrl.name -}}
{{- fail "secrets.storeUrl.name is given, but store.kind is sqlite: remove it, or set store.kind to postgresql." -}}
{{- end -}}
{{- if not .Values.secrets.brokerUrls.name -}}
{{- fail "secrets.brokerUrls.name is missing: name the Secret with the broker's AMQP URLs." -}}
{{- end -}}
{{- if not (or .Values.settings.nhn .Values.settings.altinn (include "bridge.herIdsConfigMap" .)) -}}
{{- fail "No source is on: give herIds.files (and settings.nhn.source_system), or settings.altinn." -}}
{{- end -}}
{{- if and .Values.herIds.files .Values.herIds.existingConfigMap -}}
{{- fail "herIds.files and herIds.existingConfigMap are both given: keep one." -}}
{{- end -}}
{{- $tenants := list -}}
{{- range dig "nhn" "tenants" list .Values.settings -}}{{- $tenants = append $tenants .name -}}{{- end -}}
{{- range $file, $_ := .Values.herIds.files -}}
{{- if not (has $file (default (list "default") $tenants)) -}}
{{- fail (printf "herIds.files has %s, but no tenant of settings.nhn.tenants has that name (without tenants it is called default)." $file) -}}
{{- end -}}
{{- end -}}
{{- $deadline := include "bridge.shutdownDeadline" . | int -}}
{{- with .Values.terminationGracePeriodSeconds -}}
{{- if le (int .) $deadline -}}
{{- fail (printf "terminationGracePeriodSeconds is %d, but a drain may take settings.shutdown_deadline_s, %d s: give it at least %d." (int .) $deadline (add $deadline 5)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
