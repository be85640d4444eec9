/** Stands in for Woodpecker: at most 200 a batch, a summary that takes its time, and two rows for each mailbox. */
import type { JsonReply, JsonRequest } from '../json-server.ts'
import {
  type Context,
  fieldsOf,
  legOf,
  orNull,
  problemsOf,
  type StandIn,
  type StandInAccount,
  type StandInOptions,
  startStandIn,
  takeIn,
} from './stand-in.ts'

type Batch = { rows: unknown[]; polls: number; failed: { email: string; error: string }[] | null }

export type WoodpeckerStandIn = StandIn & {
  batches: Map<string, Batch>
  /** So many times a summary is read before the batch is finished. */
  settings: { pollsBefore: number }
}

const batchMax = 200
const required = {
  smtp_email: 'filled',
  smtp_password: 'filled',
  smtp_server: 'filled',
  smtp_port: 'number',
  imap_email: 'filled',
  imap_password: 'filled',
  imap_server: 'filled',
  imap_port: 'number',
} as const
const optional = { smtp_login: 'filled', smtp_from_name: 'filled', daily_sending_limit: 'number' } as const

const refused = (status: number, code: string, details: string[]): JsonReply => ({
  status,
  body: { code, details },
})

export async function startWoodpeckerStandIn(options: StandInOptions = {}): Promise<WoodpeckerStandIn> {
  const state: Pick<WoodpeckerStandIn, 'batches' | 'settings'> = {
    batches: new Map(),
    settings: { pollsBefore: 1 },
  }
  const standIn = await startStandIn(options, async (request, context) => {
    if (request.headers['x-api-key'] !== context.key) {
      return { status: 401, body: { title: 'Unauthorized', detail: 'Invalid api key' } }
    }
    return await route(request, context, state)
  })
  return Object.assign(standIn, state)
}

async function route(
  { method, path, body }: JsonRequest,
  context: Context,
  { batches, settings }: Pick<WoodpeckerStandIn, 'batches' | 'settings'>,
): Promise<JsonReply> {
  if (method === 'GET' && path === '/v2/mailboxes') {
    return { status: 200, body: [...context.accounts.values()].flatMap(rowsOf) }
  }
  if (method === 'POST' && path === '/v2/mailboxes/manual_connection/bulk') {
    const rows: unknown = fieldsOf(body)['mailboxes']
    if (!Array.isArray(rows) || rows.length === 0) return refused(400, 'BAD_REQUEST', ['mailboxes: empty'])
    if (rows.length > batchMax) return refused(400, 'BAD_REQUEST', [`mailboxes: more than ${batchMax}`])
    const problems = rows.flatMap((row) => problemsOf(row, required, optional))
    if (problems.length > 0) return refused(400, 'BAD_REQUEST', problems)
    const id = context.newId()
    batches.set(id, { rows, polls: 0, failed: null })
    return { status: 202, body: { batch_id: Number(id) } }
  }
  const [, id = ''] = /^\/v2\/mailboxes\/manual_connection\/bulk\/(\d+)\/summary$/.exec(path) ?? []
  const batch = batches.get(id)
  if (id === '') context.complain(`there is no ${method} ${path}`)
  if (batch === undefined) return refused(404, 'NOT_FOUND', ['no such batch'])
  batch.polls += 1
  if (batch.polls > settings.pollsBefore) batch.failed ??= await connectAll(batch.rows, context)
  return { status: 200, body: summaryOf(batch) }
}

async function connectAll(rows: readonly unknown[], context: Context): Promise<NonNullable<Batch['failed']>> {
  const failed: NonNullable<Batch['failed']> = []
  for (const row of rows) {
    const fields = fieldsOf(row)
    const address = String(fields['smtp_email'])
    const smtp = { host: 'smtp_server', port: 'smtp_port', user: 'smtp_login', password: 'smtp_password' }
    const imap = { host: 'imap_server', port: 'imap_port', user: 'imap_email', password: 'imap_password' }
    const account = await takeIn(
      context,
      {
        address,
        name: String(fields['smtp_from_name'] ?? ''),
        smtp: legOf(row, smtp),
        imap: legOf(row, imap),
        dailyLimit: orNull(fields['daily_sending_limit']),
      },
      (failure) => failure === null,
    )
    const error = account.smtpError ?? account.imapError
    if (error !== null) failed.push({ email: address, error: `SMTP: ${error}` })
  }
  return failed
}

function summaryOf({ rows, failed }: Batch) {
  return {
    processing_finished: failed !== null,
    batch_size: rows.length,
    pending_mailboxes_count: failed === null ? rows.length : 0,
    connected_mailboxes_count: failed === null ? 0 : rows.length - failed.length,
    conditionally_connected_mailboxes_count: 0,
    failed_mailboxes_count: failed?.length ?? 0,
    conditionally_connected_mailboxes: [],
    failed_mailboxes: failed ?? [],
  }
}

function rowsOf({ id, address, name, dailyLimit }: StandInAccount) {
  const imapId = Number(id) + 1_000_000
  const common = { email: address, provider: 'CUSTOM', login: address }
  return [
    { id: imapId, type: 'IMAP', details: { ...common, port: 993 } },
    {
      id: Number(id),
      type: 'SMTP',
      details: {
        ...common,
        from_name: name,
        error: null,
        imap_id: imapId,
        daily_limit: dailyLimit,
        freeze_account: [],
      },
    },
  ]
}
