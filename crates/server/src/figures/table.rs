//! [`FIGURES`]: what each figure is. `docs/metrics.md` says the same and more; a test compares them.

/// What Prometheus is told of a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figure {
    /// Its name.
    pub name: &'static str,
    /// How it moves.
    pub kind: Kind,
    /// What it counts or measures.
    pub unit: &'static str,
    /// One line on what it says.
    pub help: &'static str,
}

/// How a figure moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Up only, from 0 at the start of the process.
    Counter,
    /// Up and down.
    Gauge,
    /// Samples in buckets.
    Histogram,
}

/// All figures, in the order of `docs/metrics.md`.
pub const FIGURES: &[Figure] = &[
    // --- the door
    counter("denizen_http_requests_total", "requests", "Requests that were answered"),
    histogram(
        "denizen_http_request_seconds",
        "seconds",
        "From the head of a request to the head of its answer",
    ),
    gauge("denizen_in_flight", "requests", "Requests under way, until the body of the answer has been sent"),
    counter("denizen_shed_total", "requests", "Requests that got 503 because there were too many at once"),
    counter("denizen_rate_limit_requests_total", "requests", "Requests under the rate_limit of a route"),
    counter("denizen_connections_refused_total", "connections", "Connections that came to nothing"),
    gauge("denizen_certificate_expires_seconds", "Unix time", "When a certificate ends"),
    counter("denizen_acme_orders_total", "orders", "Orders of certificates"),
    // --- upstreams
    gauge("denizen_upstream_targets", "targets", "Targets of an upstream, by state"),
    gauge(
        "denizen_upstream_breaker_state",
        "0, 1 or 2",
        "Whether the breaker of an upstream lets requests through: 0 closed, 1 half-open (one may try), 2 open",
    ),
    counter("denizen_upstream_requests_total", "requests", "Requests to an upstream"),
    counter("denizen_upstream_failures_total", "tries", "Tries that failed"),
    counter("denizen_upstream_timeouts_total", "tries", "Tries that took too long"),
    counter("denizen_upstream_retries_total", "tries", "Retries of requests that may be sent again"),
    counter(
        "denizen_upstream_retries_denied_total",
        "tries",
        "Retries that the budget of the upstream did not allow",
    ),
    counter("denizen_upstream_refused_total", "requests", "Requests that an open breaker refused"),
    counter(
        "denizen_upstream_ejections_total",
        "ejections",
        "Targets that were left out for a while because they failed requests in a row",
    ),
    // --- caches
    counter("denizen_cache_requests_total", "requests", "Looks into caches"),
    gauge("denizen_cache_entries", "entries", "Entries of a cache in this process's memory"),
    gauge("denizen_cache_bytes", "bytes", "Memory that the entries of a cache take, about"),
    gauge("denizen_cache_capacity_bytes", "bytes", "Memory that the entries of a cache may take"),
    counter(
        "denizen_cache_errors_total",
        "commands",
        "Commands that the server of cache_url did not carry out",
    ),
    gauge("denizen_cache_up", "0 or 1", "Whether the server of cache_url answers"),
    counter(
        "denizen_cache_rings_lost_total",
        "rings",
        "Messages to other nodes that were dropped because too many waited",
    ),
    // --- accounts
    gauge("denizen_accounts", "accounts", "Accounts by status"),
    gauge("denizen_sessions", "sessions", "Sessions that have not ended"),
    counter("denizen_registrations_total", "accounts", "People who registered"),
    counter("denizen_logins_total", "logins", "Logins, by how they ended"),
    counter("denizen_password_verified_total", "passwords", "Passwords that were checked"),
    counter(
        "denizen_password_shed_total",
        "requests",
        "Requests that got 503 because too many waited for a hash",
    ),
    gauge("denizen_password_pool_slots", "hashes", "Hashes that may be computed at once"),
    gauge("denizen_password_pool_busy", "hashes", "Hashes that are computed"),
    gauge("denizen_password_pool_waiting", "requests", "Requests that wait for a hash to begin"),
    counter("denizen_otp_redeemed_total", "codes", "Codes and links that were brought"),
    // --- messages, events and the audit trail
    counter("denizen_notifications_total", "tries", "Tries to deliver a message"),
    gauge(
        "denizen_notifications_queue_age_seconds",
        "seconds",
        "For how long the oldest message that is due has waited",
    ),
    gauge(
        "denizen_events_unnumbered_age_seconds",
        "seconds",
        "For how long the oldest event has waited for its number in the log of a service",
    ),
    gauge("denizen_events_behind", "events", "Events of a service that a consumer has not passed yet"),
    gauge(
        "denizen_events_behind_age_seconds",
        "seconds",
        "For how long the oldest event that a consumer has not passed has waited",
    ),
    counter("denizen_audit_events_total", "events", "Events that were taken into the audit trail"),
    // --- inside
    histogram("denizen_operation_seconds", "seconds", "Calls to the services of this process"),
    histogram("denizen_db_seconds", "seconds", "How long the database took"),
    histogram("denizen_db_commit_operations", "operations", "Operations that one commit made durable"),
    counter(
        "denizen_db_reruns_total",
        "operations",
        "Operations that ran again because their transaction met another one",
    ),
    counter("denizen_log_lines_dropped_total", "lines", "Lines of the access log that were dropped"),
    counter("denizen_spans_dropped_total", "spans", "Spans of traces that were dropped"),
    // --- the process
    counter("process_cpu_seconds_total", "seconds", "Time on processors, in whole seconds"),
    gauge("process_resident_memory_bytes", "bytes", "Memory that is held"),
    gauge("process_virtual_memory_bytes", "bytes", "Address space that is reserved"),
    gauge("process_open_fds", "files", "Open files and sockets"),
    gauge("process_max_fds", "files", "How many files and sockets may be open"),
    gauge("process_threads", "threads", "Threads of the system"),
    gauge("process_start_time_seconds", "Unix time", "When the process began"),
];

const fn counter(name: &'static str, unit: &'static str, help: &'static str) -> Figure {
    Figure { name, kind: Kind::Counter, unit, help }
}

const fn gauge(name: &'static str, unit: &'static str, help: &'static str) -> Figure {
    Figure { name, kind: Kind::Gauge, unit, help }
}

const fn histogram(name: &'static str, unit: &'static str, help: &'static str) -> Figure {
    Figure { name, kind: Kind::Histogram, unit, help }
}
