/** What a person reads when the server is up: where it is, the first credentials, and the next step. */
import { masterKeyFile } from '../open-platform.ts'
import type { Config } from '../platform/config.ts'
import type { Server } from '../server.ts'

export function banner(config: Config, server: Server, startMs: number): string {
  const { endpoints, bootstrapped } = server
  const places: [string, string | null][] = [
    ['API and reference', endpoints.http && `${endpoints.http}/docs`],
    ['SMTP (MX)', endpoints.smtp],
    ['Submission', pair(endpoints.submission, endpoints.submissions)],
    ['IMAP', pair(endpoints.imap, endpoints.imaps)],
    ['POP3', pair(endpoints.pop3, endpoints.pop3s)],
    ['DNS', endpoints.dns],
    ['Database', config.databaseUrl === null ? 'embedded PostgreSQL' : 'DATABASE_URL'],
    ['Data', config.dataDir],
  ]
  const lines = [
    '',
    `Mailwright is ready after ${(startMs / 1000).toFixed(1)} s.`,
    '',
    ...places.flatMap(([name, place]) => (place === null ? [] : [`  ${name.padEnd(18)} ${place}`])),
    '',
  ]
  if (bootstrapped) lines.push(...firstCredentials(config, bootstrapped), '')
  if (bootstrapped && endpoints.http) lines.push(...firstSteps(endpoints.http, bootstrapped.apiKey, config))
  return `${lines.join('\n')}\n`
}

function pair(plain: string | null, tls: string | null): string | null {
  const parts = [plain, tls && `${tls} (TLS)`].filter((part) => part !== null)
  return parts.length === 0 ? null : parts.join(', ')
}

function firstCredentials(config: Config, made: NonNullable<Server['bootstrapped']>): string[] {
  const lines = ['The first credentials. They are shown this once:']
  lines.push(`  API key            ${made.apiKey ?? 'as in MAILWRIGHT_BOOTSTRAP_API_KEY'}`)
  lines.push(`  Admin login        ${made.email}`)
  lines.push(`  Admin password     ${made.password ?? 'as in MAILWRIGHT_BOOTSTRAP_PASSWORD'}`)
  if (config.masterKey === null) {
    lines.push(`  Back up ${masterKeyFile(config)}: without it the stored passwords cannot be read.`)
  }
  return lines
}

function firstSteps(http: string, apiKey: string | null, { billing }: Config): string[] {
  // Without curl's --json, which only curls since 7.82 know.
  const post = (path: string, body: string): string =>
    `  curl -s ${http}${path} -H "Authorization: Bearer $KEY" -H 'Content-Type: application/json' -d '${body}'`
  return [
    'A first mailbox:',
    `  KEY=${apiKey ?? '$MAILWRIGHT_BOOTSTRAP_API_KEY'}`,
    post('/v1/domains', '{"name": "demo.test"}'),
    // Without a price nothing is sold.
    ...(billing === 'on'
      ? [post('/v1/prices', '{"item": "mailbox", "service": "local", "period": "monthly", "unit_amount": 0}')]
      : []),
    post('/v1/mailboxes', '{"address": "ann@demo.test"}'),
    `  curl -s ${http}/v1/mailboxes/ann@demo.test/credentials -H "Authorization: Bearer $KEY"`,
    '',
  ]
}
