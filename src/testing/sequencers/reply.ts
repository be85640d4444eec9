/** Stands in for Reply.io: v3 adds and changes, v1 lists and takes away; one of the two ways to give the key is refused. */
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

export type ReplyStandIn = StandIn & { settings: { takes: 'bearer' | 'x-api-key' } }

const connectionRequired = {
  email: 'filled',
  senderName: 'filled',
  smtpHost: 'filled',
  smtpPort: 'number',
  smtpPassword: 'filled',
  smtpSsl: 'boolean',
  imapHost: 'filled',
  imapPort: 'number',
  imapPassword: 'filled',
  imapSsl: 'boolean',
} as const
const problem = (status: number, title: string, detail: string): JsonReply => ({
  status,
  body: { type: 'about:blank', title, status, detail },
})

export async function startReplyStandIn(options: StandInOptions = {}): Promise<ReplyStandIn> {
  const state: Pick<ReplyStandIn, 'settings'> = { settings: { takes: 'bearer' } }
  const standIn = await startStandIn(options, async (request, context) => {
    const isV3 = request.path.startsWith('/v3/')
    const isKnown =
      isV3 && state.settings.takes === 'bearer'
        ? request.headers.authorization === `Bearer ${context.key}`
        : request.headers['x-api-key'] === context.key
    if (!isKnown) return problem(401, 'Unauthorized', 'The key is not taken.')
    return isV3 ? await routeV3(request, context) : routeV1(request, context)
  })
  return Object.assign(standIn, state)
}

async function routeV3({ method, path, body }: JsonRequest, context: Context): Promise<JsonReply> {
  const [, id] = /^\/v3\/email-accounts(?:\/(\d+))?$/.exec(path) ?? []
  if (method === 'POST' && path === '/v3/email-accounts') return await save(body, context, null)
  const account = byId(context, id ?? '')
  if (id === undefined || !['GET', 'PATCH'].includes(method))
    context.complain(`there is no ${method} ${path}`)
  if (account === undefined) return problem(404, 'Not Found', 'No such email account.')
  return method === 'GET' ? { status: 200, body: viewOf(account) } : await save(body, context, account)
}

async function save(body: unknown, context: Context, known: StandInAccount | null): Promise<JsonReply> {
  const fields = fieldsOf(body)
  const problems = [
    ...problemsOf(body, { connection: 'object' }, { safety: 'object', tags: 'object' }),
    ...problemsOf(fields['connection'], connectionRequired),
  ]
  if (problems.length > 0) {
    return { status: 400, body: { title: 'Bad Request', status: 400, errors: { connection: problems } } }
  }
  const connection = fieldsOf(fields['connection'])
  const address = String(connection['email'])
  const holder = context.accounts.get(address)
  if (holder !== undefined && holder.id !== known?.id) {
    return problem(409, 'Conflict', 'The email account already exists.')
  }
  const side = (leg: string) =>
    legOf(connection, { host: `${leg}Host`, port: `${leg}Port`, user: 'email', password: `${leg}Password` })
  if (known !== null) context.accounts.delete(known.address)
  const account = await takeIn(context, {
    ...(known === null ? {} : { id: known.id }),
    address,
    name: String(connection['senderName']),
    smtp: side('smtp'),
    imap: side('imap'),
    dailyLimit: orNull(fieldsOf(fields['safety'])['dailyLimit']) ?? known?.dailyLimit ?? null,
  })
  return { status: known === null ? 201 : 200, body: viewOf(account) }
}

function routeV1({ method, path, body }: JsonRequest, context: Context): JsonReply {
  const { accounts, complain } = context
  if (method === 'GET' && path === '/v1/emailAccounts') {
    const rows = [...accounts.values()].map(({ id, address, name }) => ({
      id: Number(id),
      emailAddress: address,
      senderName: name,
    }))
    return { status: 200, body: rows }
  }
  if (method !== 'DELETE' || path !== '/v1/EmailAccounts') complain(`there is no ${method} ${path}`)
  const account = byId(context, String(fieldsOf(body)['Id']))
  if (account === undefined) return { status: 404, body: { message: 'Email account not found' } }
  accounts.delete(account.address)
  return { status: 200, body: 'null' }
}

function viewOf({ id, address, name, smtpError, imapError, dailyLimit }: StandInAccount) {
  return {
    id: Number(id),
    emailAccountType: 'custom',
    connectionStatus: smtpError === null && imapError === null ? 'connected' : 'disconnected',
    sendingConnectivityError: smtpError,
    receivingConnectivityError: imapError,
    sendingLockedByProvider: false,
    connection: { email: address, senderName: name },
    safety: { dailyLimit },
  }
}
