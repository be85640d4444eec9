/** Stands in for EmailBison: 201 for what it adds, errors wrapped in `data`, and a 500 for two that come within a second. */
import type { JsonReply, JsonRequest } from '../json-server.ts'
import {
  byId,
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

export type EmailBisonStandIn = StandIn & { settings: { msBetweenCreates: number } }

const root = '/api/sender-emails'
const perPage = 15
const required = {
  name: 'filled',
  email: 'filled',
  password: 'filled',
  imap_server: 'filled',
  imap_port: 'number',
  smtp_server: 'filled',
  smtp_port: 'number',
} as const
const optional = { smtp_secure: 'boolean', imap_secure: 'boolean', email_signature: 'string' } as const

const refused = (message: string, errors: Record<string, string[]>): JsonReply => ({
  status: 422,
  body: { data: { success: false, message, errors } },
})

export async function startEmailBisonStandIn(options: StandInOptions = {}): Promise<EmailBisonStandIn> {
  const state = { settings: { msBetweenCreates: 1000 } }
  let createdAt = Number.NEGATIVE_INFINITY
  const standIn = await startStandIn(options, async (request, context) => {
    if (request.headers.authorization !== `Bearer ${context.key}`) {
      return { status: 401, body: { message: 'Unauthenticated.' } }
    }
    if (request.method === 'POST' && request.path === `${root}/imap-smtp`) {
      const isTooSoon = performance.now() - createdAt < state.settings.msBetweenCreates
      createdAt = performance.now()
      return isTooSoon
        ? { status: 500, body: { message: 'Server Error' } }
        : await create(request.body, context)
    }
    return route(request, context)
  })
  return Object.assign(standIn, state)
}

async function create(body: unknown, context: Context): Promise<JsonReply> {
  const problems = problemsOf(body, required, optional)
  if (problems.length > 0) return refused('The given data was invalid.', { body: problems })
  const { email, name } = fieldsOf(body)
  const address = String(email)
  if (context.accounts.has(address.toLowerCase())) {
    return refused('The email has already been taken.', { email: ['The email has already been taken.'] })
  }
  const side = (leg: string) =>
    legOf(body, { host: `${leg}_server`, port: `${leg}_port`, user: 'email', password: 'password' })
  const account = await takeIn(
    context,
    { address, name: String(name), smtp: side('smtp'), imap: side('imap') },
    (failure) => failure === null,
  )
  const failure = account.smtpError ?? account.imapError
  if (failure !== null) return refused(`Could not connect to IMAP/SMTP: ${failure}`, {})
  return { status: 201, body: { data: viewOf(account) } }
}

function route({ method, path, query, body }: JsonRequest, context: Context): JsonReply {
  const { accounts, complain } = context
  if (path === root && method === 'GET') {
    const page = Number(query.get('page') ?? 1)
    const all = [...accounts.values()]
    const last_page = Math.max(1, Math.ceil(all.length / perPage))
    const data = all.slice((page - 1) * perPage, page * perPage).map(viewOf)
    const meta = { current_page: page, last_page, per_page: perPage, total: all.length }
    return { status: 200, body: { data, links: {}, meta } }
  }
  const [, encoded = ''] = /^\/api\/sender-emails\/([^/]+)$/.exec(path) ?? []
  const wanted = decodeURIComponent(encoded)
  const account = accounts.get(wanted.toLowerCase()) ?? byId(context, wanted)
  if (encoded === '') complain(`there is no ${method} ${path}`)
  if (account === undefined)
    return { status: 404, body: { data: { success: false, message: 'Record not found.' } } }
  switch (method) {
    case 'PATCH':
      account.dailyLimit = orNull(fieldsOf(body)['daily_limit'])
      break
    case 'DELETE':
      accounts.delete(account.address.toLowerCase())
      return { status: 200, body: { data: { success: true, message: 'Deleted.' } } }
    case 'GET':
      break
    default:
      complain(`there is no ${method} ${path}`)
  }
  return { status: 200, body: { data: viewOf(account) } }
}

function viewOf({ id, address, name, smtpError, imapError, dailyLimit }: StandInAccount) {
  return {
    id: Number(id),
    name,
    email: address,
    daily_limit: dailyLimit ?? 5,
    type: 'IMAP/SMTP',
    status: smtpError === null && imapError === null ? 'Connected' : 'Not connected',
    warmup_enabled: false,
    tags: [],
  }
}
