/** Stands in for lemlist: the key is a password without a user name, and Gmail's hosts are refused. */
import type { JsonReply, JsonRequest } from '../json-server.ts'
import {
  byId,
  type Context,
  fieldsOf,
  legOf,
  problemsOf,
  type StandIn,
  type StandInAccount,
  type StandInOptions,
  startStandIn,
  takeIn,
} from './stand-in.ts'

export type LemlistStandIn = StandIn & {
  /** Users of the team, and from where on in the accounts each has its own. */
  users: { id: string; has: (account: StandInAccount) => boolean }[]
}

const root = '/user/email-accounts'
const required = {
  sender_name: 'filled',
  sender_email: 'filled',
  smtp_host: 'filled',
  smtp_port: 'number',
  smtp_login: 'filled',
  smtp_password: 'filled',
  imap_host: 'filled',
  imap_port: 'number',
  imap_login: 'filled',
  imap_password: 'filled',
} as const
const optional = { smtp_secure: 'boolean', imap_secure: 'boolean', userId: 'filled' } as const

export async function startLemlistStandIn(options: StandInOptions = {}): Promise<LemlistStandIn> {
  const state: Pick<LemlistStandIn, 'users'> = {
    users: [
      { id: 'usr_first', has: ({ id }) => Number(id) % 2 === 1 },
      { id: 'usr_second', has: ({ id }) => Number(id) % 2 === 0 },
    ],
  }
  const standIn = await startStandIn(options, async (request, context) => {
    const expected = `Basic ${Buffer.from(`:${context.key}`).toString('base64')}`
    if (request.headers.authorization !== expected) return { status: 401, body: { message: 'Unauthorized' } }
    return await route(request, context, state)
  })
  return Object.assign(standIn, state)
}

async function route(
  { method, path, body }: JsonRequest,
  context: Context,
  { users }: Pick<LemlistStandIn, 'users'>,
): Promise<JsonReply> {
  if (method === 'GET' && path === '/team') {
    const team = { _id: 'tea_one', name: 'The stand-in', userIds: users.map(({ id }) => id) }
    return { status: 200, body: team }
  }
  const [, userId] = /^\/users\/(\w+)$/.exec(path) ?? []
  if (method === 'GET' && userId !== undefined) {
    const user = users.find(({ id }) => id === userId)
    if (user === undefined) return { status: 404, body: { message: 'User not found' } }
    const mailboxes = [...context.accounts.values()].filter(user.has).map(viewOf)
    return { status: 200, body: { _id: userId, email: 'user@stand-in.example', role: 'admin', mailboxes } }
  }
  if (method === 'POST' && path === root) return await connect(body, context)
  const [, id] = /^\/user\/email-accounts\/umx_(\w+)$/.exec(path) ?? []
  if (method !== 'DELETE' || id === undefined) context.complain(`there is no ${method} ${path}`)
  const account = byId(context, id ?? '')
  if (account === undefined) return { status: 404, body: { message: 'Email account not found' } }
  context.accounts.delete(account.address)
  return { status: 200, body: { ok: true } }
}

async function connect(body: unknown, context: Context): Promise<JsonReply> {
  const problems = problemsOf(body, required, optional)
  if (problems.length > 0) return { status: 400, body: { message: problems.join(', ') } }
  const fields = fieldsOf(body)
  const address = String(fields['sender_email'])
  if (/gmail\.com$/.test(String(fields['smtp_host']))) {
    return { status: 400, body: { message: 'Gmail is not allowed here: use OAuth.' } }
  }
  if (context.accounts.has(address))
    return { status: 400, body: { message: 'This email is already connected' } }
  const side = (leg: string) =>
    legOf(body, {
      host: `${leg}_host`,
      port: `${leg}_port`,
      user: `${leg}_login`,
      password: `${leg}_password`,
    })
  const account = await takeIn(
    context,
    { address, name: String(fields['sender_name']), smtp: side('smtp'), imap: side('imap') },
    (failure) => failure === null,
  )
  const failure = account.smtpError ?? account.imapError
  if (failure !== null) return { status: 400, body: { message: `SMTP connection failed: ${failure}` } }
  return { status: 200, body: { id: `umx_${account.id}`, email: address, provider: 'custom' } }
}

function viewOf({ id, address }: StandInAccount) {
  return { _id: `umx_${id}`, email: address, lemlist: { emailLimit: 50 }, lemwarm: { active: false } }
}
