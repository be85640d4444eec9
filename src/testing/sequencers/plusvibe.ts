/** Stands in for PlusVibe: it accepts everything at once, shows a mailbox later, and drops a bad one without a word. */
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

export type PlusVibeStandIn = StandIn & {
  workspaceId: string
  /** So many times a list is read before a mailbox is in it. */
  settings: { listsBefore: number }
}

const required = {
  first_name: 'string',
  last_name: 'string',
  email: 'filled',
  username: 'filled',
  password: 'filled',
  imap_host: 'filled',
  imap_port: 'number',
  smtp_host: 'filled',
  smtp_username: 'filled',
  smtp_password: 'filled',
  smtp_port: 'number',
} as const
const optional = { daily_limit: 'number', min_interval: 'number', enable_warmup: 'filled' } as const

type Waiting = { row: unknown; lists: number }

export async function startPlusVibeStandIn(options: StandInOptions = {}): Promise<PlusVibeStandIn> {
  const state = { workspaceId: '68329272b5658f0c2a1d0001', settings: { listsBefore: 1 } }
  const waiting: Waiting[] = []
  const standIn = await startStandIn(options, async (request, context) => {
    if (request.headers['x-api-key'] !== context.key) {
      return { status: 401, body: { status: 'error', message: 'Invalid API key' } }
    }
    if (request.path === '/authenticate') {
      const workspaces = [{ _id: state.workspaceId, name: 'The stand-in' }]
      return { status: 200, body: { status: 'success', account: 'owner@stand-in.example', workspaces } }
    }
    const workspace =
      request.method === 'GET' ? request.query.get('workspace_id') : fieldsOf(request.body)['workspace_id']
    if (workspace !== state.workspaceId)
      return { status: 400, body: { status: 'error', message: 'Unknown workspace' } }
    return await route(request, context, waiting, state.settings)
  })
  return Object.assign(standIn, state)
}

async function route(
  { method, path, query, body }: JsonRequest,
  context: Context,
  waiting: Waiting[],
  { listsBefore }: PlusVibeStandIn['settings'],
): Promise<JsonReply> {
  const { accounts, complain } = context
  const fields = fieldsOf(body)
  switch (`${method} ${path}`) {
    case 'POST /account/bulk-add-regular-accounts': {
      const rows: unknown[] = Array.isArray(fields['accounts']) ? fields['accounts'] : []
      const problems = rows.flatMap((row) => problemsOf(row, required, optional))
      if (rows.length === 0 || problems.length > 0) {
        return { status: 400, body: { status: 'error', message: `Validation: ${problems.join(', ')}` } }
      }
      waiting.push(...rows.map((row) => ({ row, lists: listsBefore })))
      return { status: 200, body: { status: 'success' } }
    }
    case 'GET /account/list': {
      await settle(context, waiting)
      const email = query.get('email')
      const found = [...accounts.values()].filter(({ address }) => email === null || address === email)
      const [skip, limit] = [Number(query.get('skip')), Number(query.get('limit'))]
      return { status: 200, body: { accounts: found.slice(skip, skip + limit).map(viewOf) } }
    }
    case 'POST /account/delete':
      return accounts.delete(String(fields['email']))
        ? { status: 200, body: { status: 'success' } }
        : { status: 404, body: { status: 'error', message: 'Account not found' } }
    default:
      complain(`there is no ${method} ${path}`)
      return { status: 404, body: { status: 'error', message: 'Not found' } }
  }
}

async function settle(context: Context, waiting: Waiting[]): Promise<void> {
  const due = waiting.filter(({ lists }) => lists <= 0)
  waiting.splice(0, waiting.length, ...waiting.filter(({ lists }) => lists > 0))
  for (const one of waiting) one.lists -= 1
  for (const { row } of due) {
    const fields = fieldsOf(row)
    const address = String(fields['email'])
    if (context.accounts.has(address)) continue
    const smtp = { host: 'smtp_host', port: 'smtp_port', user: 'smtp_username', password: 'smtp_password' }
    const imap = { host: 'imap_host', port: 'imap_port', user: 'username', password: 'password' }
    const wanted = {
      address,
      name: `${fields['first_name']} ${fields['last_name']}`,
      smtp: legOf(row, smtp),
      imap: legOf(row, imap),
      dailyLimit: orNull(fields['daily_limit']),
      warmup: fields['enable_warmup'] === 'yes',
    }
    await takeIn(context, wanted, (failure) => failure === null)
  }
}

function viewOf({ id, address, name, dailyLimit, warmup }: StandInAccount) {
  const payload = { name, daily_limit: dailyLimit, warmup: warmup ? 1 : 0, tags: [], cmps: [] }
  return { id, email: address, status: 'ACTIVE', warmup_status: warmup ? 'ACTIVE' : 'INACTIVE', payload }
}
