/** Stands in for Instantly's API v2: unknown members are refused, an unpaid workspace is told so, a job takes two polls. */
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

export type InstantlyStandIn = StandIn & { settings: { isPaid: boolean }; jobs: Map<string, number> }

const root = '/api/v2/accounts'
const fail = (statusCode: number, error: string, message: string): JsonReply => ({
  status: statusCode,
  body: { statusCode, error, message },
})

const required = {
  email: 'filled',
  first_name: 'string',
  last_name: 'string',
  provider_code: 'number',
  imap_username: 'filled',
  imap_password: 'filled',
  imap_host: 'filled',
  imap_port: 'number',
  smtp_username: 'filled',
  smtp_password: 'filled',
  smtp_host: 'filled',
  smtp_port: 'number',
} as const
const optional = { daily_limit: 'number', warmup: 'object', sending_gap: 'number' } as const

export async function startInstantlyStandIn(options: StandInOptions = {}): Promise<InstantlyStandIn> {
  const state: Pick<InstantlyStandIn, 'settings' | 'jobs'> = { settings: { isPaid: true }, jobs: new Map() }
  const standIn = await startStandIn(options, (request, context) => {
    if (request.headers.authorization !== `Bearer ${context.key}`) {
      return fail(401, 'Unauthorized', 'Invalid API key')
    }
    if (!state.settings.isPaid) return fail(402, 'Payment Required', 'Your workspace has no paid plan.')
    return route(request, context, state)
  })
  return Object.assign(standIn, state)
}

async function route(
  { method, path, query, body }: JsonRequest,
  context: Context,
  { jobs }: Pick<InstantlyStandIn, 'jobs'>,
): Promise<JsonReply> {
  const { accounts, complain } = context
  const [, job] = /^\/api\/v2\/background-jobs\/(.+)$/.exec(path) ?? []
  if (job !== undefined) {
    const polls = (jobs.get(job) ?? 0) + 1
    jobs.set(job, polls)
    return { status: 200, body: { id: job, status: polls > 1 ? 'success' : 'in-progress' } }
  }
  const [, warmup] = /^\/api\/v2\/accounts\/warmup\/(enable|disable)$/.exec(path) ?? []
  if (method === 'POST' && warmup !== undefined) {
    const emails: unknown = fieldsOf(body)['emails']
    if (!Array.isArray(emails) || emails.length > 100) return fail(400, 'Bad Request', 'emails')
    for (const email of emails) {
      const account = accounts.get(String(email))
      if (account) account.warmup = warmup === 'enable'
    }
    const id = context.newId()
    jobs.set(id, 0)
    return { status: 200, body: { id, status: 'pending' } }
  }
  if (path === root && method === 'POST') return await create(body, context)
  if (path === root && method === 'GET') return list(query, context)
  const [, encoded] = /^\/api\/v2\/accounts\/([^/]+)$/.exec(path) ?? []
  const account = accounts.get(decodeURIComponent(encoded ?? ''))
  if (encoded === undefined || !['GET', 'DELETE'].includes(method)) complain(`there is no ${method} ${path}`)
  if (account === undefined) return fail(404, 'Not Found', 'Account not found')
  if (method === 'DELETE') accounts.delete(account.address)
  return { status: 200, body: viewOf(account) }
}

async function create(body: unknown, context: Context): Promise<JsonReply> {
  const problems = problemsOf(body, required, optional)
  if (problems.length > 0) return fail(400, 'Bad Request', `body ${problems.join(', ')}`)
  const fields = fieldsOf(body)
  if (fields['provider_code'] !== 1) context.complain('a mailbox of ours has the provider_code 1')
  const address = String(fields['email'])
  if (context.accounts.has(address)) return fail(409, 'Conflict', 'Account already exists')
  const side = (name: string) =>
    legOf(body, {
      host: `${name}_host`,
      port: `${name}_port`,
      user: `${name}_username`,
      password: `${name}_password`,
    })
  const account = await takeIn(context, {
    address,
    name: `${fields['first_name']} ${fields['last_name']}`,
    smtp: side('smtp'),
    imap: side('imap'),
    dailyLimit: orNull(fields['daily_limit']),
  })
  return { status: 200, body: viewOf(account) }
}

function list(query: URLSearchParams, { accounts, complain }: Context): JsonReply {
  const limit = Number(query.get('limit') ?? 10)
  if (!(limit >= 1 && limit <= 100)) complain('limit is from 1 to 100')
  const all = [...accounts.values()]
  const after = query.get('starting_after')
  const from = after === null ? 0 : all.findIndex((one) => cursorOf(one) === after) + 1
  if (after !== null && from === 0) complain(`an unknown cursor ${after}`)
  const items = all.slice(from, from + limit)
  const last = items.at(-1)
  const next = last !== undefined && from + limit < all.length ? { next_starting_after: cursorOf(last) } : {}
  return { status: 200, body: { items: items.map(viewOf), ...next } }
}

const cursorOf = ({ address }: StandInAccount): string => `2026-01-01T00:00:00.000Z&${address}`

function viewOf({ address, name, smtpError, imapError, dailyLimit, warmup }: StandInAccount) {
  const failure = smtpError ?? imapError
  return {
    email: address,
    first_name: name,
    status: failure === null ? 1 : -1,
    warmup_status: warmup ? 1 : 0,
    provider_code: 1,
    setup_pending: false,
    daily_limit: dailyLimit,
    ...(failure === null
      ? {}
      : { status_message: { code: 'EAUTH', command: 'AUTH PLAIN', e_message: failure, responseCode: 535 } }),
  }
}
