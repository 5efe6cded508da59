"""How Envoy is set up: like the others, but in its own words (JSON, which is YAML too)."""
import json

TYPE = "type.googleapis.com/envoy.extensions."
LINE = ('%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% %START_TIME% "%REQ(:METHOD)% %REQ(:PATH)% %PROTOCOL%" %RESPONSE_CODE% '
        "%BYTES_SENT% %DURATION% %REQ(X-REQUEST-ID)%\n")
REMEMBERED = 20_000   # verified tokens, as many as Denizen remembers


def typed(name, **fields):
    return {"@type": TYPE + name, **fields}


def header(key, value):
    return {"header": {"key": key, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}


def limit_filter():
    """One bucket for each address: a descriptor without a value stands for any."""
    bucket = {"max_tokens": 1_000_000_000, "tokens_per_fill": 1_000_000_000, "fill_interval": "60s"}
    whole = {"numerator": 100, "denominator": "HUNDRED"}
    config = typed(
        "filters.http.local_ratelimit.v3.LocalRateLimit",
        stat_prefix="limits",
        token_bucket=bucket,
        filter_enabled={"default_value": whole},
        filter_enforced={"default_value": whole},
        rate_limits=[{"actions": [{"remote_address": {}}]}],
        descriptors=[{"entries": [{"key": "remote_address"}], "token_bucket": bucket}],
    )
    return {"name": "limits", "typed_config": config}


def token_filter(tokens):
    provider = {
        "issuer": tokens.issuer,
        "audiences": [tokens.audience],
        "local_jwks": {"inline_string": tokens.jwks},
        "claim_to_headers": [{"header_name": "x-denizen-user", "claim_name": "sub"}],
        "jwt_cache_config": {"jwt_cache_size": REMEMBERED},
    }
    rule = {"match": {"prefix": "/"}, "requires": {"provider_name": "bench"}}
    config = typed("filters.http.jwt_authn.v3.JwtAuthentication", providers={"bench": provider}, rules=[rule])
    return {"name": "tokens", "typed_config": config}


def endpoint(port):
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def manager(section, values, tokens):
    filters = [limit_filter()] if section.limits else []
    filters += [token_filter(tokens)] if section.tokens else []
    filters.append({"name": "router", "typed_config": typed("filters.http.router.v3.Router")})
    route = {"match": {"prefix": "/"}, "route": {"cluster": "fast", "timeout": "60s"}}
    log = typed("access_loggers.file.v3.FileAccessLog", path=values["folder"] + "/envoy.log",
                log_format={"text_format_source": {"inline_string": LINE}})
    return typed(
        "filters.network.http_connection_manager.v3.HttpConnectionManager",
        stat_prefix="front",
        codec_type="HTTP1",
        use_remote_address=True,
        always_set_request_id_in_response=True,
        access_log=[{"name": "file", "typed_config": log}],
        http_filters=filters,
        route_config={
            "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}],
            "request_headers_to_add": [
                header("X-Real-IP", "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"),
                header("X-Forwarded-Host", "%REQ(:AUTHORITY)%"),
            ],
        },
    )


def config(section, values, tokens):
    network = {"name": "http", "typed_config": manager(section, values, tokens)}
    listener = {"name": "front", "address": endpoint(values["port"]), "filter_chains": [{"filters": [network]}]}
    target = {"lb_endpoints": [{"endpoint": {"address": endpoint(values["upstream"])}}]}
    cluster = {
        "name": "fast",
        "type": "STATIC",
        "connect_timeout": "5s",
        "load_assignment": {"cluster_name": "fast", "endpoints": [target]},
    }
    return json.dumps({"static_resources": {"listeners": [listener], "clusters": [cluster]}}, indent=1)
