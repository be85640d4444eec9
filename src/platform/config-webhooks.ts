/** The settings of webhooks. */
import { setting } from './config-settings.ts'

export const webhookSettings = {
  webhookNetworks: setting.reach(
    'MAILWRIGHT_WEBHOOK_NETWORKS',
    'Where webhooks may go: `public` to addresses on the internet and by https only; further networks by a list; or `any`. The address is checked when the connection is made.',
  ),
  webhooksPerWorkspace: setting.integer(
    'MAILWRIGHT_WEBHOOKS_PER_WORKSPACE',
    { default: 100, min: 0, max: 10_000 },
    'Webhooks that a workspace may have.',
  ),
  webhookRetrySchedule: setting.durations(
    'MAILWRIGHT_WEBHOOK_RETRY_SCHEDULE',
    '5s,30s,2m,10m,30m,1h,2h,4h,8h',
    'How long to wait after each failed attempt of a webhook; the last one is used again and again.',
  ),
  webhookLifetime: setting.duration(
    'MAILWRIGHT_WEBHOOK_LIFETIME',
    '3d',
    'How long a delivery is tried before it has failed.',
  ),
  webhookPauseAfter: setting.duration(
    'MAILWRIGHT_WEBHOOK_PAUSE_AFTER',
    '3d',
    'How long an endpoint may fail, without a success between, before its webhook is paused.',
  ),
  webhookTimeout: setting.duration(
    'MAILWRIGHT_WEBHOOK_TIMEOUT',
    '15s',
    'How long an endpoint may take for one request, its answer included.',
  ),
  webhookConcurrency: setting.integer(
    'MAILWRIGHT_WEBHOOK_CONCURRENCY',
    { default: 10, min: 1, max: 1000 },
    'Requests to one endpoint at the same time, from each node.',
  ),
  webhookConnections: setting.integer(
    'MAILWRIGHT_WEBHOOK_CONNECTIONS',
    { default: 500, min: 1, max: 10_000 },
    'The same to all endpoints together.',
  ),
  webhookLogDays: setting.integer(
    'MAILWRIGHT_WEBHOOK_LOG_DAYS',
    { default: 14, min: 1, max: 365 },
    'Days that deliveries of webhooks are kept, with their attempts.',
  ),
}
