/** lemlist. It has no list of accounts: each user of the team has some. */
import { listOf, member, textOf } from '../../platform/json-members.ts'
import type {
  AccountPage,
  AddOutcome,
  MailboxAccount,
  RemoteAccount,
  RemoteStatus,
  SequencerDriver,
} from '../driver.ts'
import {
  accountsIn,
  byAddingAnew,
  createClient,
  findIn,
  nothingToPoll,
  numberIn,
  unlessGone,
} from './client.ts'
import { notUnderstood } from './failures.ts'
import type { DriverOptions } from './options.ts'
import { oneByOne } from './outcomes.ts'
import { addressOf, idOf } from './reading.ts'

const tool = 'lemlist'
const root = '/user/email-accounts'
const usersMax = 500

export function openLemlist({ call, key }: DriverOptions): SequencerDriver {
  // The user name is empty.
  const authorization = `Basic ${Buffer.from(`:${key}`).toString('base64')}`
  const secrets = [key, authorization.slice('Basic '.length)]
  const ask = createClient({ tool, call, headers: { authorization }, secrets })

  async function readTeam(): Promise<{ name: string; userIds: string[] }> {
    const { json } = await ask({ method: 'GET', path: '/team' })
    const found = member(json, 'userIds')
    if (!Array.isArray(found)) throw notUnderstood({ tool, call: { method: 'GET', path: '/team' } })
    const userIds = listOf(json, 'userIds').map((id) => idOf({ id }, 'id'))
    return { name: textOf(json, 'name'), userIds: userIds.filter(Boolean).slice(0, usersMax) }
  }

  let userIds: string[] | null = null

  /** A page is what one user has. */
  async function list(cursor: string | null): Promise<AccountPage> {
    if (userIds === null || cursor === null) userIds = (await readTeam()).userIds
    const at = numberIn(cursor, 0)
    const userId = userIds[at]
    if (userId === undefined) return { accounts: [], next: null }
    const request = ask({ method: 'GET', path: `/users/${encodeURIComponent(userId)}` }, { ofAccount: true })
    const reply = await unlessGone(request)
    const accounts = reply === null ? [] : accountsIn(tool, mailboxesOf(reply.json), readAccount)
    return { accounts, next: at + 1 < userIds.length ? String(at + 1) : null }
  }

  async function addOne(account: MailboxAccount): Promise<AddOutcome> {
    const request = { method: 'POST', path: root, body: bodyOf(account), adds: true } as const
    const { json } = await ask(request, { secrets: [account.password] })
    const id = idOf(json, 'id')
    if (id === '') throw notUnderstood({ tool, call: request })
    // It is taken only after it has been connected to.
    const address = account.address.toLowerCase()
    return { kind: 'added', account: { id, address, status: 'connected', words: null } }
  }

  async function remove({ id }: RemoteAccount): Promise<void> {
    const path = `${root}/${encodeURIComponent(id)}`
    await unlessGone(ask({ method: 'DELETE', path }, { ofAccount: true }))
  }

  const add = oneByOne(addOne)
  return {
    async check() {
      return (await readTeam()).name || null
    },
    add,
    poll: nothingToPoll,
    find: (address) => findIn(list, address),
    list,
    update: byAddingAnew({ add, remove }),
    remove,
  }
}

function bodyOf({ address, displayName, password, smtp, imap }: MailboxAccount): Record<string, unknown> {
  return {
    sender_name: displayName || address,
    sender_email: address,
    smtp_host: smtp.host,
    smtp_port: smtp.port,
    smtp_login: address,
    smtp_password: password,
    smtp_secure: smtp.security === 'tls',
    imap_host: imap.host,
    imap_port: imap.port,
    imap_login: address,
    imap_password: password,
    imap_secure: imap.security === 'tls',
  }
}

/** A user may be without any; what is no user is not. */
function mailboxesOf(user: unknown): unknown {
  return member(user, 'mailboxes') ?? (idOf(user, '_id') === '' ? undefined : [])
}

function readAccount(json: unknown): RemoteAccount | null {
  const [id, address] = [idOf(json, '_id') || idOf(json, 'id'), addressOf(json, 'email')]
  if (id === '' || address === '') return null
  return { id, address, status: statusOf(textOf(json, 'status')), words: null }
}

/** Nothing is said of an account that is in order. */
function statusOf(word: string): RemoteStatus {
  if (word === '' || /^(?:ok|connected|active|success)$/i.test(word)) return 'connected'
  return /error|fail|disconnect/i.test(word) ? 'auth_error' : 'unknown'
}
