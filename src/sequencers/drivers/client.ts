/** What drivers have in common: an answer is a success, or it is thrown as what it means. */
import type { AccountPage, RemoteAccount, SequencerDriver } from '../driver.ts'
import { SequencerError } from '../driver.ts'
import type { CallSequencer, SequencerCall, SequencerReply } from './calls.ts'
import { failureOf, notUnderstood, saysError } from './failures.ts'

export type ClientOptions = {
  /** The sequencer, for people. */
  tool: string
  call: CallSequencer
  headers: Readonly<Record<string, string>>
  /** They are kept out of all words. */
  secrets: readonly string[]
}

export type AskOptions = {
  /** The call is about one account, which may be gone. */
  ofAccount?: boolean
  /** Besides the client's own. */
  secrets?: readonly string[]
}

/** Of calls before: more than run at a time, and few enough to be looked for in words. */
const recentSecretsMax = 256

/** @throws SequencerError. */
export type Ask = (call: SequencerCall, options?: AskOptions) => Promise<SequencerReply>

export function createClient({ tool, call, headers, secrets }: ClientOptions): Ask {
  let recent: readonly string[] = []
  return async (wanted, { ofAccount = false, secrets: more = [] } = {}) => {
    // An answer to a later call, as to the look for what was just added, may name them, too.
    recent = [...more, ...recent].slice(0, recentSecretsMax)
    const full = { ...wanted, headers: { ...headers, ...wanted.headers } }
    const reply = await call(full)
    if (reply.status >= 200 && reply.status < 300 && !saysError(reply.json)) return reply
    throw failureOf({ tool, call: full, ofAccount, secrets: [...secrets, ...recent] }, reply)
  }
}

/** The accounts of a list. One that is not understood is left out; if none of them is, the list is not. */
export function accountsIn(
  tool: string,
  list: unknown,
  read: (value: unknown) => RemoteAccount | null,
): RemoteAccount[] {
  const unclear = (): SequencerError => notUnderstood({ tool, call: { method: 'GET', path: '' } })
  // What is no list must not be taken for an empty one: then all accounts would be missed.
  if (!Array.isArray(list)) throw unclear()
  const accounts = list.flatMap((one) => read(one) ?? [])
  if (list.length > 0 && accounts.length === 0) throw unclear()
  return accounts
}

/** A call about one account that is gone: null in place of an error. */
export async function unlessGone<T>(work: Promise<T>): Promise<T | null> {
  try {
    return await work
  } catch (error) {
    if (error instanceof SequencerError && error.kind === 'gone') return null
    throw error
  }
}

const pagesMax = 2000

/** Reads the pages of a list until the address is there. @throws SequencerError also for a list that does not end. */
export async function findIn(
  list: (cursor: string | null) => Promise<AccountPage>,
  address: string,
): Promise<RemoteAccount | null> {
  const wanted = address.toLowerCase()
  let cursor: string | null = null
  for (let page = 0; page < pagesMax; page++) {
    const { accounts, next }: AccountPage = await list(cursor)
    const found = accounts.find((account) => account.address === wanted)
    if (found || next === null) return found ?? null
    cursor = next
  }
  throw new SequencerError('unreachable', 'Its list of accounts does not end.')
}

/** A cursor that is a number of this driver's own. */
export function numberIn(cursor: string | null, first: number): number {
  return cursor !== null && /^\d{1,9}$/.test(cursor) ? Number(cursor) : first
}

/** For what a tool does not have. */
export function unsupported(words: string): () => Promise<never> {
  return async () => {
    throw new SequencerError('unsupported', words)
  }
}

/** New credentials for a tool that cannot change them in place: the account is taken away and added anew. */
export function byAddingAnew({
  add,
  remove,
}: Pick<SequencerDriver, 'add' | 'remove'>): SequencerDriver['update'] {
  return async (account, wanted) => {
    await remove(account)
    const [outcome] = await add([wanted])
    if (outcome === undefined) throw new SequencerError('unreachable', 'It said nothing of the mailbox.')
    return outcome
  }
}

/** For tools of which nothing is pending, or of which only the list says what became of it. */
export const nothingToPoll: SequencerDriver['poll'] = async () => []
