/** EmailBison: every customer has a host of their own, which is the base address. */
import { member, numberOf, textOf } from '../../platform/json-members.ts'
import type {
  AccountPage,
  AddOutcome,
  MailboxAccount,
  RemoteAccount,
  RemoteStatus,
  SequencerDriver,
} from '../driver.ts'
import { SequencerError } from '../driver.ts'
import { accountsIn, byAddingAnew, createClient, nothingToPoll, numberIn, unlessGone } from './client.ts'
import { notUnderstood } from './failures.ts'
import type { DriverOptions } from './options.ts'
import { oneByOne } from './outcomes.ts'
import { addressOf, idOf } from './reading.ts'

const tool = 'EmailBison'
const root = '/api/sender-emails'

export function openEmailBison({ call, key }: DriverOptions): SequencerDriver {
  const ask = createClient({ tool, call, headers: { authorization: `Bearer ${key}` }, secrets: [key] })
  const pathOf = (idOrAddress: string): string => `${root}/${encodeURIComponent(idOrAddress)}`

  async function list(cursor: string | null): Promise<AccountPage> {
    const page = numberIn(cursor, 1)
    const request = { method: 'GET', path: `${root}?page=${page}` } as const
    const { json } = await ask(request)
    const accounts = accountsIn(tool, member(json, 'data'), readAccount)
    const pages = numberOf(member(json, 'meta'), 'last_page', 0)
    if (pages === 0) throw notUnderstood({ tool, call: request }) // whether it is all is not known
    return { accounts, next: page >= pages ? null : String(page + 1) }
  }

  async function addOne(account: MailboxAccount): Promise<AddOutcome> {
    const create = { method: 'POST', path: `${root}/imap-smtp`, body: bodyOf(account), adds: true } as const
    const { json } = await ask(create, { secrets: [account.password] })
    const data = member(json, 'data')
    const added = readAccount(data)
    if (added === null) throw notUnderstood({ tool, call: create })
    const { dailyLimit } = account
    const isThatLimit = dailyLimit === null || member(data, 'daily_limit') === dailyLimit
    return { kind: 'added', account: isThatLimit ? added : await limit(added, dailyLimit) }
  }

  /** The call that adds does not take it. The account is there all the same, so that a failure is only told. */
  async function limit(account: RemoteAccount, dailyLimit: number): Promise<RemoteAccount> {
    const path = pathOf(account.id)
    try {
      await ask({ method: 'PATCH', path, body: { daily_limit: dailyLimit } }, { ofAccount: true })
      return account
    } catch (error) {
      if (!(error instanceof SequencerError)) throw error
      return { ...account, words: `The daily limit was not set: ${error.message}` }
    }
  }

  async function remove({ id }: RemoteAccount): Promise<void> {
    await unlessGone(ask({ method: 'DELETE', path: pathOf(id) }, { ofAccount: true }))
  }

  const add = oneByOne(addOne)
  return {
    async check() {
      await list(null)
      return null
    },
    add,
    poll: nothingToPoll,
    async find(address) {
      const reply = await unlessGone(
        ask({ method: 'GET', path: pathOf(address.toLowerCase()) }, { ofAccount: true }),
      )
      if (reply === null) return null
      const found = readAccount(member(reply.json, 'data'))
      if (found === null) throw notUnderstood({ tool, call: { method: 'GET', path: root } })
      return found
    },
    list,
    update: byAddingAnew({ add, remove }),
    remove,
  }
}

/** The user name is the address, on both sides. */
function bodyOf({ address, displayName, password, smtp, imap }: MailboxAccount): Record<string, unknown> {
  return {
    name: displayName || address,
    email: address,
    password,
    imap_server: imap.host,
    imap_port: imap.port,
    imap_secure: imap.security === 'tls',
    smtp_server: smtp.host,
    smtp_port: smtp.port,
    smtp_secure: smtp.security === 'tls',
  }
}

function readAccount(json: unknown): RemoteAccount | null {
  const [id, address] = [idOf(json, 'id'), addressOf(json, 'email')]
  if (id === '' || address === '') return null
  return { id, address, status: statusOf(textOf(json, 'status')), words: null }
}

function statusOf(word: string): RemoteStatus {
  if (/^connected$/i.test(word)) return 'connected'
  if (/^(?:pending|connecting|testing)/i.test(word)) return 'pending'
  return /not connected|disconnected|fail|error/i.test(word) ? 'auth_error' : 'unknown'
}
