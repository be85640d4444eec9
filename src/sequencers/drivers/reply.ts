/**
 * Reply.io: API v3, which is a beta, adds and changes; the stable v1 lists and takes away. v3 takes the key as a bearer, and
 * took it as X-API-Key before; v1 has the latter only.
 */
import { member, textOf } from '../../platform/json-members.ts'
import type { AddOutcome, MailboxAccount, RemoteAccount, RemoteStatus, SequencerDriver } from '../driver.ts'
import { SequencerError } from '../driver.ts'
import type { SequencerCall, SequencerReply } from './calls.ts'
import { accountsIn, createClient, nothingToPoll, unlessGone } from './client.ts'
import { notUnderstood } from './failures.ts'
import type { DriverOptions } from './options.ts'
import { oneByOne } from './outcomes.ts'
import { addressOf, idOf, wordsOrNull } from './reading.ts'

const tool = 'Reply.io'
const root = '/v3/email-accounts'

export function openReply({ call, key }: DriverOptions): SequencerDriver {
  const ask = createClient({ tool, call, headers: {}, secrets: [key] })
  const asBearer = { authorization: `Bearer ${key}` }
  const asApiKey = { 'x-api-key': key }
  let headers: Record<string, string> = asBearer

  async function askV3(request: SequencerCall, secrets: readonly string[] = []): Promise<SequencerReply> {
    const options = { secrets, ofAccount: request.path !== root }
    try {
      return await ask({ ...request, headers }, options)
    } catch (error) {
      const mayTryOther = error instanceof SequencerError && error.kind === 'bad_key' && headers === asBearer
      if (!mayTryOther) throw error
      const reply = await ask({ ...request, headers: asApiKey }, options)
      headers = asApiKey
      return reply
    }
  }

  async function listAll(): Promise<RemoteAccount[]> {
    const { json } = await ask({ method: 'GET', path: '/v1/emailAccounts', headers: asApiKey })
    return accountsIn(tool, json, readListed)
  }

  async function save(request: SequencerCall, account: MailboxAccount): Promise<AddOutcome> {
    const { json } = await askV3(request, [account.password])
    const id = idOf(json, 'id')
    if (id === '') throw notUnderstood({ tool, call: request })
    const said = wordsOrNull(problemsIn(json), [key, account.password])
    const address = account.address.toLowerCase()
    return { kind: 'added', account: { id, address, status: statusOf(json), words: said } }
  }

  return {
    async check() {
      await listAll()
      return null
    },
    add: oneByOne((account) =>
      save({ method: 'POST', path: root, body: bodyOf(account), adds: true }, account),
    ),
    poll: nothingToPoll,
    async find(address) {
      const wanted = address.toLowerCase()
      const listed = (await listAll()).find((account) => account.address === wanted)
      if (listed === undefined) return null
      const reply = await unlessGone(askV3({ method: 'GET', path: pathOf(listed.id) }))
      if (reply === null) return listed
      return { ...listed, status: statusOf(reply.json), words: wordsOrNull(problemsIn(reply.json), [key]) }
    },
    async list() {
      return { accounts: await listAll(), next: null }
    },
    update: ({ id }, wanted) =>
      save({ method: 'PATCH', path: pathOf(id), body: bodyOf(wanted), adds: true }, wanted),
    async remove({ id }) {
      const body = { Id: Number(id) }
      const request = { method: 'DELETE', path: '/v1/EmailAccounts', headers: asApiKey, body } as const
      await unlessGone(ask(request, { ofAccount: true }))
    },
  }
}

const pathOf = (id: string): string => `${root}/${encodeURIComponent(id)}`

function problemsIn(json: unknown): string {
  const problems = [textOf(json, 'sendingConnectivityError'), textOf(json, 'receivingConnectivityError')]
  return problems.filter((one) => one !== '').join('; ')
}

/** The login is the address. */
function bodyOf({ address, displayName, password, smtp, imap, dailyLimit }: MailboxAccount): object {
  return {
    connection: {
      email: address,
      senderName: displayName || address,
      smtpHost: smtp.host,
      smtpPort: smtp.port,
      smtpPassword: password,
      smtpSsl: smtp.security === 'tls',
      imapHost: imap.host,
      imapPort: imap.port,
      imapPassword: password,
      imapSsl: imap.security === 'tls',
    },
    ...(dailyLimit === null ? {} : { safety: { dailyLimit } }),
  }
}

/** A row of v1's list, which does not say how the account stands. */
function readListed(json: unknown): RemoteAccount | null {
  const address = ['emailAddress', 'email', 'Email'].map((name) => addressOf(json, name)).find(Boolean)
  const id = idOf(json, 'id') || idOf(json, 'Id')
  if (id === '' || !address) return null
  return { id, address, status: statusOf(json), words: null }
}

function statusOf(json: unknown): RemoteStatus {
  if (member(json, 'sendingLockedByProvider') === true) return 'suspended'
  if (textOf(json, 'sendingConnectivityError') !== '') return 'smtp_error'
  if (textOf(json, 'receivingConnectivityError') !== '') return 'imap_error'
  switch (textOf(json, 'connectionStatus').toLowerCase()) {
    case 'connected':
      return 'connected'
    case 'disconnected':
      return 'auth_error'
    default:
      return 'unknown'
  }
}
