/**
 * Stands in for Smartlead's API v1: the key is in the query, a save logs in first, errors have three shapes, and an account
 * is answered with its passwords.
 */
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

export type SmartleadStandIn = StandIn

const root = '/email-accounts'
const required = {
  from_name: 'filled',
  from_email: 'filled',
  user_name: 'filled',
  password: 'filled',
  smtp_host: 'filled',
  smtp_port: 'number',
  imap_host: 'filled',
  imap_port: 'number',
  warmup_enabled: 'boolean',
} as const
const optional = {
  id: 'object', // null for a new one; a number is looked at below
  type: 'filled',
  imap_user_name: 'filled',
  imap_password: 'filled',
  max_email_per_day: 'number',
} as const

export async function startSmartleadStandIn(options: StandInOptions = {}): Promise<SmartleadStandIn> {
  return await startStandIn(options, async (request, context) => {
    if (request.query.get('api_key') !== context.key)
      return { status: 401, body: { message: 'Invalid API Key' } }
    return await route(request, context)
  })
}

async function route({ method, path, query, body }: JsonRequest, context: Context): Promise<JsonReply> {
  if (method === 'POST' && path === `${root}/save`) return await save(body, context)
  if (method === 'GET' && path === `${root}/`) return list(query, context)
  const [, id] = /^\/email-accounts\/(\d+)$/.exec(path) ?? []
  const account = id === undefined ? undefined : byId(context, id)
  if (id === undefined || !['GET', 'DELETE'].includes(method))
    context.complain(`there is no ${method} ${path}`)
  if (account === undefined)
    return { status: 404, body: { error: { code: 'NOT_FOUND', message: 'No such account' } } }
  if (method === 'GET') {
    const { password } = account
    return { status: 200, body: { ...viewOf(account), password, imap_password: password } }
  }
  context.accounts.delete(account.address.toLowerCase())
  return { status: 200, body: 'success' } // plain text, and no JSON
}

async function save(body: unknown, context: Context): Promise<JsonReply> {
  const { id, ...rest } = fieldsOf(body)
  const problems = problemsOf(rest, required, optional)
  const [first] = problems
  if (first !== undefined) {
    const validation = { source: 'payload', keys: problems.map((one) => one.split(' ')[0]) }
    return { status: 400, body: { statusCode: 400, error: 'Bad Request', message: first, validation } }
  }
  const address = String(rest['from_email'])
  const known = typeof id === 'number' ? byId(context, String(id)) : undefined
  if (typeof id === 'number' && known === undefined)
    return { status: 404, body: { message: 'Account not found' } }
  if (known === undefined && context.accounts.has(address.toLowerCase())) {
    return { status: 400, body: { ok: false, message: 'Email account already exists' } }
  }
  const user = { host: 'smtp_host', port: 'smtp_port', user: 'user_name', password: 'password' }
  const imapUser = rest['imap_user_name'] === undefined ? 'user_name' : 'imap_user_name'
  const imapPassword = rest['imap_password'] === undefined ? 'password' : 'imap_password'
  const account = await takeIn(
    context,
    {
      ...(known === undefined ? {} : { id: known.id }),
      address,
      name: String(rest['from_name']),
      smtp: legOf(rest, user),
      imap: legOf(rest, { host: 'imap_host', port: 'imap_port', user: imapUser, password: imapPassword }),
      dailyLimit: orNull(rest['max_email_per_day']) ?? known?.dailyLimit ?? null,
      warmup: rest['warmup_enabled'] === true,
    },
    (failure) => failure === null,
  )
  if (account.smtpError !== null) {
    return { status: 400, body: { ok: false, message: 'SMTP connection failed', error: account.smtpError } }
  }
  if (account.imapError !== null) {
    return { status: 400, body: { ok: false, message: 'IMAP connection failed', error: account.imapError } }
  }
  if (known !== undefined && known.address !== address) context.accounts.delete(known.address.toLowerCase())
  return { status: 200, body: { ok: true, message: 'Email account saved', data: viewOf(account) } }
}

function list(query: URLSearchParams, { accounts, complain }: Context): JsonReply {
  const [offset, limit] = [Number(query.get('offset')), Number(query.get('limit'))]
  if (!(limit >= 1 && limit <= 100)) complain('limit is from 1 to 100')
  const username = query.get('username')
  const found = [...accounts.values()].filter(
    ({ address }) => username === null || address.includes(username),
  )
  return { status: 200, body: found.slice(offset, offset + limit).map(viewOf) }
}

function viewOf({ id, address, name, smtpError, imapError, dailyLimit, warmup }: StandInAccount) {
  return {
    id: Number(id),
    from_name: name,
    from_email: address,
    type: 'SMTP',
    message_per_day: dailyLimit,
    is_smtp_success: smtpError === null,
    is_imap_success: imapError === null,
    smtp_failure_error: smtpError,
    imap_failure_error: imapError,
    warmup_details: { status: warmup ? 'ACTIVE' : 'INACTIVE', warmup_reputation: '98%' },
  }
}
