/** Stands in for Saleshandy: an account is stored whether it could be logged in to or not, and the list is a POST. */
import type { JsonReply, JsonRequest } from '../json-server.ts'
import {
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

export type SaleshandyStandIn = StandIn

const root = '/v1/email-accounts'
const required = {
  emailServiceProvider: 'filled',
  fromName: 'filled',
  fromFirstName: 'string',
  fromLastName: 'string',
  payload: 'object',
} as const
const legRequired = { emailAddress: 'filled', password: 'filled', host: 'filled', port: 'number' } as const
const legOptional = { userName: 'filled', encryption: 'filled' } as const

export async function startSaleshandyStandIn(options: StandInOptions = {}): Promise<SaleshandyStandIn> {
  return await startStandIn(options, async (request, context) => {
    if (request.headers['x-api-key'] !== context.key)
      return { status: 401, body: { message: 'Unauthorized' } }
    return await route(request, context)
  })
}

async function route({ method, path, body }: JsonRequest, context: Context): Promise<JsonReply> {
  switch (`${method} ${path}`) {
    case `POST ${root}/smtp-imap/connect`:
      return await connect(body, context)
    case `POST ${root}`: {
      const { search, pageSize, page } = fieldsOf(body)
      if (!(Number(pageSize) <= 100)) context.complain('pageSize is at most 100')
      const found = [...context.accounts.values()].filter(
        ({ address }) => search === undefined || address.includes(String(search)),
      )
      const from = (Number(page) - 1) * Number(pageSize)
      return { status: 200, body: { emails: found.slice(from, from + Number(pageSize)).map(viewOf) } }
    }
    default:
      context.complain(`there is no ${method} ${path}`)
      return { status: 404, body: { message: 'Cannot be found' } }
  }
}

async function connect(body: unknown, context: Context): Promise<JsonReply> {
  const fields = fieldsOf(body)
  const { smtp, imap } = fieldsOf(fields['payload'])
  const problems = [
    ...problemsOf(body, required),
    ...[smtp, imap].flatMap((leg) => problemsOf(leg, legRequired, legOptional)),
  ]
  if (problems.length > 0)
    return { status: 400, body: { message: problems, error: 'Bad Request', statusCode: 400 } }
  if (fields['emailServiceProvider'] !== 'other')
    context.complain('a mailbox of ours is of the provider other')
  const address = String(fieldsOf(smtp)['emailAddress'])
  if (context.accounts.has(address)) return { status: 400, body: { message: 'Email account already exists' } }
  const names = { host: 'host', port: 'port', user: 'emailAddress', password: 'password' }
  const account = await takeIn(context, {
    address,
    name: String(fields['fromName']),
    smtp: legOf(smtp, names),
    imap: legOf(imap, names),
  })
  const { smtpError, imapError, id } = account
  return {
    status: 200,
    body: {
      payload: {
        id,
        status: smtpError === null && imapError === null ? 1 : 0,
        smtpConnection: { error: smtpError },
        imapConnection: { error: imapError },
      },
    },
  }
}

function viewOf({ id, address, name, smtpError, imapError }: StandInAccount) {
  const status = smtpError === null && imapError === null ? 1 : 0
  return { id, fromName: name, fromEmail: address, type: 3, status, healthScore: 55 }
}
