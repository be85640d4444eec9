/** Prometheus metrics. Names are part_thing_unit; labels have few values. One registry for each platform. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'

export type Metrics = ReturnType<typeof createMetrics>

const secondsBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

export function createMetrics() {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry, prefix: 'mailwright_' })
  const registers = [registry]
  return {
    registry,
    httpRequests: new Histogram({
      name: 'mailwright_http_request_seconds',
      help: 'HTTP requests by route and status.',
      labelNames: ['method', 'route', 'status'],
      buckets: secondsBuckets,
      registers,
    }),
    connections: new Gauge({
      name: 'mailwright_connections',
      help: 'Open client connections.',
      labelNames: ['protocol'],
      registers,
    }),
    logins: new Counter({
      name: 'mailwright_logins_total',
      help: 'Mailbox logins by protocol and result; locked are those whose password was not looked at.',
      labelNames: ['protocol', 'result'],
      registers,
    }),
    loginLocks: new Counter({
      name: 'mailwright_login_locks_total',
      help: 'Locks after wrong passwords by what was locked: an account for one network (pair), a network, the area around it.',
      labelNames: ['subject'],
      registers,
    }),
    inboundMessages: new Counter({
      name: 'mailwright_smtp_messages_total',
      help: 'Messages offered over SMTP by listener and result.',
      labelNames: ['listener', 'result'],
      registers,
    }),
    commits: new Histogram({
      name: 'mailwright_delivery_commit_seconds',
      help: 'Time of one delivery transaction.',
      buckets: secondsBuckets,
      registers,
    }),
    commitMessages: new Histogram({
      name: 'mailwright_delivery_commit_messages',
      help: 'Messages stored by one delivery transaction.',
      buckets: [1, 2, 5, 10, 20, 50, 100, 200, 500],
      registers,
    }),
    outboundAttempts: new Counter({
      name: 'mailwright_outbound_attempts_total',
      help: 'Attempts to deliver to a recipient elsewhere by result.',
      labelNames: ['result'],
      registers,
    }),
    webhookAttempts: new Counter({
      name: 'mailwright_webhook_attempts_total',
      help: 'Requests to the endpoints of webhooks by result.',
      labelNames: ['result'],
      registers,
    }),
    outboundSeconds: new Histogram({
      name: 'mailwright_outbound_transmission_seconds',
      help: 'Time of one message to one destination, without the connection.',
      buckets: secondsBuckets,
      registers,
    }),
    outboundQueue: new Gauge({
      name: 'mailwright_outbound_queue_recipients',
      help: 'Recipients in the outbound queue by state, counted up to 100,000.',
      labelNames: ['state'],
      registers,
    }),
    outboundOldestDue: new Gauge({
      name: 'mailwright_outbound_oldest_due_seconds',
      help: 'For how long the oldest recipient that is due has waited.',
      registers,
    }),
    imapCommands: new Histogram({
      name: 'mailwright_imap_command_seconds',
      help: 'IMAP commands by name and result.',
      labelNames: ['command', 'result'],
      buckets: secondsBuckets,
      registers,
    }),
    pop3Commands: new Histogram({
      name: 'mailwright_pop3_command_seconds',
      help: 'POP3 commands by name and result.',
      labelNames: ['command', 'result'],
      buckets: secondsBuckets,
      registers,
    }),
    dnsQueries: new Counter({
      name: 'mailwright_dns_queries_total',
      help: 'DNS queries by transport and response code; none are those that were not answered.',
      labelNames: ['transport', 'rcode'],
      registers,
    }),
    signatures: new Counter({
      name: 'mailwright_outbound_signatures_total',
      help: 'Messages signed with DKIM or sealed with ARC, and those that could not be, by result.',
      labelNames: ['result'],
      registers,
    }),
    rspamdRequests: new Counter({
      name: 'mailwright_rspamd_requests_total',
      help: 'Requests to rspamd by kind and result; skipped are those that a broken rspamd was spared.',
      labelNames: ['request', 'result'],
      registers,
    }),
    jobs: new Counter({
      name: 'mailwright_jobs_total',
      help: 'Background jobs by task and result.',
      labelNames: ['task', 'result'],
      registers,
    }),
  }
}
