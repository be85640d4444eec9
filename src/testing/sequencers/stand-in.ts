/** What the stand-ins for sequencers have in common: they note what breaks their contract, and fail as they are told to. */
import { type JsonReply, type JsonRequest, type JsonServer, startJsonServer } from '../json-server.ts'
import { byPassword, type Leg, type MailLogins } from './mail-login.ts'

export type Faults = {
  /** Every n-th call is answered with 503, before anything is done. */
  failEvery?: number
  /** Of n calls one is done and its answer lost: the last but one, so that those that fail are others. */
  loseEvery?: number
  /** What comes beyond so many calls in a minute is answered with 429. */
  perMinute?: number
  /** Whether a 429 says when to come back; default: yes. */
  saysRetryAfter?: boolean
}

/** An account as it was put in. */
export type StandInAccount = {
  id: string
  address: string
  name: string
  password: string
  /** Why it could not be logged in to; null: it could. */
  smtpError: string | null
  imapError: string | null
  dailyLimit: number | null
  warmup: boolean
}

export type StandIn = JsonServer & {
  key: string
  /** By address. */
  accounts: Map<string, StandInAccount>
  /** Addresses in the order in which they came in as new accounts: one that came in twice is there twice. */
  taken: string[]
  /** What broke the contract; a test expects it to be empty. */
  complaints: string[]
  faults: Faults
  /** The next calls are answered so instead, before anything is done. */
  answerNext: JsonReply[]
  /** When calls came, in milliseconds of performance.now(). */
  calledAt: number[]
  /** `METHOD path` of the calls that were done and their answers lost. */
  lost: string[]
}

/** Makes a stand-in fail from now on. */
export function faulty<S extends StandIn>(standIn: S, faults: Faults): S {
  Object.assign(standIn.faults, faults)
  return standIn
}

export type StandInOptions = {
  /** How it logs in to mailboxes; default: by the look of the password. */
  logins?: MailLogins
}

export type Context = Pick<StandIn, 'key' | 'accounts' | 'taken' | 'complaints'> & {
  logins: MailLogins
  complain(what: string): void
  newId(): string
}

export async function startStandIn(
  { logins = byPassword }: StandInOptions,
  handle: (request: JsonRequest, context: Context) => JsonReply | Promise<JsonReply>,
): Promise<StandIn> {
  const state: Omit<StandIn, keyof JsonServer> = {
    key: 'stand-in/key+of=it',
    accounts: new Map(),
    taken: [],
    complaints: [],
    faults: {},
    answerNext: [],
    calledAt: [],
    lost: [],
  }
  let ids = 1000
  const context: Context = {
    ...state,
    logins,
    complain: (what) => void state.complaints.push(what),
    newId: () => String(++ids),
  }
  const server = await startJsonServer(async (request) => {
    state.calledAt.push(performance.now())
    const calls = state.calledAt.length
    const { failEvery, loseEvery } = state.faults
    const instead = state.answerNext.shift()
    if (instead !== undefined) return instead
    if (isOverLimit(state)) return tooMany(state.faults)
    if (failEvery !== undefined && calls % failEvery === 0) return { status: 503, body: 'out of order' }
    const reply = await handle(request, context)
    if (loseEvery === undefined || calls % loseEvery !== loseEvery - 1) return reply
    state.lost.push(`${request.method} ${request.path}`)
    return 'lost'
  })
  return Object.assign(server, state)
}

function isOverLimit({ faults, calledAt }: Pick<StandIn, 'faults' | 'calledAt'>): boolean {
  const since = performance.now() - 60_000
  return faults.perMinute !== undefined && calledAt.filter((at) => at > since).length > faults.perMinute
}

function tooMany({ saysRetryAfter = true }: Faults): JsonReply {
  const reply = { status: 429, body: { message: 'Too Many Requests' } }
  return saysRetryAfter ? { ...reply, headers: { 'retry-after': '7' } } : reply
}

type MemberType = 'string' | 'number' | 'boolean' | 'object' | 'filled'

/** What is wrong with a body; `filled` is a text that is not blank. Empty: nothing. */
export function problemsOf(
  body: unknown,
  required: Readonly<Record<string, MemberType>>,
  optional: Readonly<Record<string, MemberType>> = {},
): string[] {
  const given = fieldsOf(body)
  const types = { ...optional, ...required }
  const missing = Object.keys(required).filter((name) => given[name] === undefined)
  const wrong = Object.entries(given).filter(([name, value]) => {
    const type = types[name]
    if (type === undefined) return true
    return type === 'filled' ? typeof value !== 'string' || value.trim() === '' : typeof value !== type
  })
  return [
    ...missing.map((name) => `${name} is missing`),
    ...wrong.map(([name, value]) => `${name} must not be ${JSON.stringify(value)}`),
  ]
}

export function fieldsOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value)) : {}
}

/** Logs in on both sides and keeps the account, as it was and whatever came out. */
export async function takeIn(
  { accounts, taken, logins, newId }: Context,
  wanted: { address: string; name: string; smtp: Leg; imap: Leg } & Partial<
    Pick<StandInAccount, 'id' | 'dailyLimit' | 'warmup'>
  >,
  keeps: (failure: string | null) => boolean = () => true,
): Promise<StandInAccount> {
  const { address, name, smtp, imap } = wanted
  const account: StandInAccount = {
    id: wanted.id ?? newId(),
    address,
    name,
    password: smtp.password,
    smtpError: await logins.smtp(smtp),
    imapError: await logins.imap(imap),
    dailyLimit: wanted.dailyLimit ?? null,
    warmup: wanted.warmup ?? false,
  }
  if (keeps(account.smtpError ?? account.imapError)) {
    accounts.set(address.toLowerCase(), account)
    if (wanted.id === undefined) taken.push(address.toLowerCase())
  }
  return account
}

export function byId({ accounts }: Pick<Context, 'accounts'>, id: string): StandInAccount | undefined {
  return [...accounts.values()].find((one) => one.id === id)
}

/** A leg whose members are named as the tool names them. */
export function legOf(body: unknown, names: Record<keyof Leg, string>): Leg {
  const fields = fieldsOf(body)
  return {
    host: String(fields[names.host]),
    port: Number(fields[names.port]),
    user: String(fields[names.user]),
    password: String(fields[names.password]),
  }
}

export const orNull = (value: unknown): number | null => (typeof value === 'number' ? value : null)
