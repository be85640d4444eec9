/**
 * Saleshandy. A mailbox is stored even when it cannot be logged in to. There is no call that changes credentials or takes an
 * account away.
 */
import { member } from '../../platform/json-members.ts'
import type {
  AccountPage,
  AddOutcome,
  MailboxAccount,
  RemoteAccount,
  RemoteStatus,
  SequencerDriver,
} from '../driver.ts'
import { accountsIn, createClient, findIn, nothingToPoll, numberIn, unsupported } from './client.ts'
import { notUnderstood } from './failures.ts'
import type { DriverOptions } from './options.ts'
import { oneByOne } from './outcomes.ts'
import { addressOf, idOf, saidIn, wordsOrNull } from './reading.ts'

const tool = 'Saleshandy'
const root = '/v1/email-accounts'
const pageSize = 100

export function openSaleshandy({ call, key }: DriverOptions): SequencerDriver {
  const ask = createClient({ tool, call, headers: { 'x-api-key': key }, secrets: [key] })

  async function page(cursor: string | null, filter: object): Promise<AccountPage> {
    const number = numberIn(cursor, 1)
    const body = { pageSize, page: number, ...filter }
    const { json } = await ask({ method: 'POST', path: root, body, reads: true })
    const found = member(json, 'emails') ?? member(member(json, 'payload'), 'emails')
    const accounts = accountsIn(tool, found, readAccount)
    const isFull = Array.isArray(found) && found.length >= pageSize
    return { accounts, next: isFull ? String(number + 1) : null }
  }
  const find = (address: string): Promise<RemoteAccount | null> =>
    findIn((cursor) => page(cursor, { search: address.toLowerCase() }), address)

  async function addOne(account: MailboxAccount): Promise<AddOutcome> {
    const path = `${root}/smtp-imap/connect`
    const request = { method: 'POST', path, body: bodyOf(account), adds: true } as const
    const { json } = await ask(request, { secrets: [account.password] })
    const answer = member(json, 'payload') ?? json
    const id = idOf(answer, 'id') || idOf(answer, 'emailAccountId')
    const address = account.address.toLowerCase()
    const { status, words } = connectionOf(answer)
    if (id !== '') {
      const kept = wordsOrNull(words, [key, account.password])
      return { kind: 'added', account: { id, address, status, words: kept } }
    }
    const found = await find(address)
    if (found === null) throw notUnderstood({ tool, call: request })
    return { kind: 'added', account: found }
  }

  return {
    async check() {
      await page(null, {})
      return null
    },
    add: oneByOne(addOne),
    poll: nothingToPoll,
    find,
    list: (cursor) => page(cursor, {}),
    update: unsupported(
      'Saleshandy’s API cannot change the credentials of an account: change them in Saleshandy.',
    ),
    remove: unsupported('Saleshandy’s API cannot take an account away: do it in Saleshandy.'),
  }
}

function bodyOf(account: MailboxAccount): Record<string, unknown> {
  const { address, displayName, firstName, lastName, password, smtp, imap } = account
  const leg = ({ host, port, security }: MailboxAccount['smtp']): Record<string, unknown> => ({
    emailAddress: address,
    userName: address,
    password,
    host,
    port,
    encryption: security === 'tls' ? 'ssl' : 'tls',
  })
  return {
    emailServiceProvider: 'other',
    fromName: displayName || address,
    fromFirstName: firstName || displayName || address,
    fromLastName: lastName,
    payload: { smtp: leg(smtp), imap: leg(imap) },
  }
}

/** Of the answer to a mailbox that was stored, connected or not. */
function connectionOf(answer: unknown): { status: RemoteStatus; words: string } {
  const told = (name: string): string => saidIn(member(answer, name)).join('; ')
  const [smtp, imap] = [told('smtpConnection'), told('imapConnection')]
  const words = [smtp, imap].filter((one) => one !== '').join('; ')
  if (smtp !== '') return { status: imap === '' ? 'smtp_error' : 'auth_error', words }
  if (imap !== '') return { status: 'imap_error', words }
  return { status: statusOf(member(answer, 'status')), words }
}

function readAccount(json: unknown): RemoteAccount | null {
  const [id, address] = [idOf(json, 'id'), addressOf(json, 'fromEmail')]
  if (id === '' || address === '') return null
  const isInactive = member(json, 'status') === 0
  const words = isInactive ? 'Saleshandy has it as inactive: it was not verified, or was switched off.' : null
  return { id, address, status: statusOf(member(json, 'status')), words }
}

/** An account that is not verified and one that is inactive have the same number, and neither is used. */
function statusOf(status: unknown): RemoteStatus {
  switch (status) {
    case 0:
      return 'auth_error'
    case 1:
      return 'connected'
    case 2:
      return 'suspended'
    default:
      return 'unknown'
  }
}
