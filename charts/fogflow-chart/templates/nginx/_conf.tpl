{{- define "fogflow.nginx.conf" -}}
{{- $discovery := printf "http://%s:%d" (include "fogflow.fqdn" (list . "discovery")) (int .Values.config.discovery.http_port) -}}
{{- $broker := printf "http://%s:%d" (include "fogflow.fqdn" (list . "cloud-broker")) (int .Values.config.broker.http_port) -}}
{{- $designer := printf "http://%s:%d" (include "fogflow.fqdn" (list . "designer")) (int .Values.config.designer.webSrvPort) -}}
worker_processes 2;
error_log /dev/stderr warn;
pid /tmp/nginx.pid;
events {
  worker_connections 2048;
}
http {
  server_tokens off;
  access_log /dev/stdout;
  keepalive_requests 100; # then a client connects anew, and may get to another replica
  client_body_temp_path /tmp/client_body;
  proxy_temp_path /tmp/proxy;
  fastcgi_temp_path /tmp/fastcgi;
  uwsgi_temp_path /tmp/uwsgi;
  scgi_temp_path /tmp/scgi;
  client_max_body_size 16m;

  # web sockets and nothing else: whoever may switch to another protocol would speak to a component past the rules below
  map $http_upgrade $upgrade {
    default '';
    ~*^websocket$ websocket;
  }
  map $upgrade $connection_upgrade {
    default '';
    websocket upgrade;
  }
  proxy_http_version 1.1;
  proxy_set_header Host $http_host;
  proxy_set_header X-Real-IP $remote_addr;
  proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
  proxy_set_header X-Forwarded-Proto $scheme;
  proxy_set_header Upgrade $upgrade;
  proxy_set_header Connection $connection_upgrade;

  {{- $hosts := splitList "," (include "fogflow.shards" .) }}
  {{- if gt (len $hosts) 1 }}
  upstream brokers { # the first is asked first; that it does not have something is no failure of it
    {{- range $n, $host := $hosts }}
    server {{ $host }}:{{ int $.Values.config.broker.http_port }} max_fails=0{{ if $n }} backup{{ end }};
    {{- end }}
  }
  {{- end }}

  server {
    listen 8080;
    {{- if .Values.ipv6 }}
    listen [::]:8080;
    {{- end }}

    location = /healthz {
      access_log off;
      default_type text/plain;
      return 200 "ok\n";
    }
    # nginx chooses the location by the path as it understands it, but passes on what was sent. Where the programs behind it
    # understand another path, a rule below could be walked around: no dot segments, no # and no backslash
    if ($request_uri ~* "^[^?]*([#\\\\]|(/|%2f)(\.|%2e){1,2}(/|%2f|[?]|$))") {
      return 400;
    }
    # one GET of a subscription by id ends discovery's process
    location ~* ^/ngsi9/subscription/ {
      return 403;
    }
    # the designer serves its own database as a static file
    location ~* ^/data/meta(/|$) {
      return 403;
    }
    location /ngsi9/ {
      proxy_pass {{ $discovery }};
    }
    {{- if gt (len $hosts) 1 }}
    # What comes with a body goes to the first broker, so that what was made here is found here. An entity that was made at another
    # one can only be read there by its id; a broker that does not answer is a 502: nobody knows what it holds.
    location /ngsi10/entity/ {
      if ($request_method = DELETE) {
        return 400;
      }
      proxy_next_upstream http_404;
      proxy_pass http://brokers;
    }
    location ~ "^/ngsi10/entity/(?<entity>[^/\x22\x5c\x00-\x1f]+)$" {
      if ($request_method = DELETE) {
        rewrite ^ /deleted-by-its-owner last;
      }
      proxy_next_upstream http_404;
      proxy_pass http://brokers;
    }
    # a broker that does not own an entity would take its registration away and leave it where it is; this call reaches the owner
    location = /deleted-by-its-owner {
      internal;
      proxy_method POST;
      proxy_set_header Content-Type application/json;
      proxy_set_body '{"contextElements":[{"entityId":{"id":"$entity"}}],"updateAction":"DELETE"}';
      proxy_pass {{ $broker }}/ngsi10/updateContext;
    }
    {{- end }}
    location /ngsi10/ {
      proxy_pass {{ $broker }};
    }
    location /ngsi-ld/ {
      proxy_pass {{ $broker }};
    }
    location / {
      {{- if .Values.expose.basicAuth.existingSecret }}
      auth_basic "FogFlow";
      auth_basic_user_file /etc/nginx/auth/htpasswd;
      {{- end }}
      proxy_pass {{ $designer }};
      proxy_read_timeout 3600s; # web sockets of the dashboard
    }
  }
}
{{- end }}
