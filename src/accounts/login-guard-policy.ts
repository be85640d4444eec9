/**
 * What guessing costs: the rules of the login guard as data. Failures are counted for four subjects at once:
 *   the pair     of an account and the client's own network: locked early, so that who guesses from one place is stopped
 *                there, and its owner elsewhere is not;
 *   the network  over all accounts: locked later, as others may be behind it;
 *   the area     around it: later still;
 *   the account  over all networks: only slowed down, or anyone could lock its owner out.
 */
import type { Config } from '../platform/config.ts'
import { canonicalNetwork, isLoopback, networkList } from '../platform/network.ts'

/** An attempt to log in, before anything is known of it. */
export type LoginAttempt = {
  /** Accounts of people log in to the platform, mailboxes to their mail. */
  kind: 'user' | 'mailbox'
  /** In its canonical form; empty for what cannot be an address. */
  address: string
  remoteAddress: string
}

export type GuardSubject = {
  name: 'pair' | 'network' | 'area' | 'account'
  /** The key of its row. */
  key: string
  account: string | null
  network: string | null
  rule: GuardRule
}

export type GuardRule = {
  /** From half of so many failures on answers come later, and with so many it is locked. */
  failuresMax: number
  /** How long it is locked the first time, doubled with each further failure, in seconds; null: never. */
  lockSeconds: number | null
  /** In so many seconds without a failure one is forgotten. */
  forgetSeconds: number
  /** Whether its failures make answers come later. */
  delays: boolean
}

const ownPrefixBits = { ipv4: 32, ipv6: 64 } // RFC 6177 §2: a subscriber has at least a /64
const areaPrefixBits = { ipv4: 24, ipv6: 48 }

/** How many of a pair's failures an account has over all networks before it is slowed down. */
const accountTimes = 3
/** How many of a network's failures the area around it may have. */
const areaTimes = 10
/** A lock is doubled this often at most, and so many failures above the limit are counted. */
export const doublingsMax = 5
const delayMsFirst = 250
const delayMsMax = 5_000

export function guardSubjects(config: Config, attempt: LoginAttempt): GuardSubject[] {
  const account = accountOf(attempt)
  const network = networkOf(attempt.remoteAddress, ownPrefixBits)
  const { loginFailuresMax, loginNetworkFailuresMax, loginLock: lockSeconds } = config
  const perPair = { failuresMax: loginFailuresMax, lockSeconds, forgetSeconds: 3600, delays: true }
  const perAccount = {
    failuresMax: accountTimes * loginFailuresMax,
    lockSeconds: null,
    forgetSeconds: 600,
    delays: true,
  }
  const subjects: GuardSubject[] = [
    { name: 'pair', key: `pair ${network} ${account}`, account, network, rule: perPair },
    { name: 'account', key: `account ${account}`, account, network: null, rule: perAccount },
  ]
  if (isTrusted(config, attempt.remoteAddress)) return subjects
  const area = networkOf(attempt.remoteAddress, areaPrefixBits)
  const perNetwork = {
    failuresMax: loginNetworkFailuresMax,
    lockSeconds,
    forgetSeconds: 60,
    delays: false,
  }
  const perArea = { ...perNetwork, failuresMax: areaTimes * loginNetworkFailuresMax, forgetSeconds: 6 }
  return [
    ...subjects,
    { name: 'network', key: `network ${network}`, account: null, network, rule: perNetwork },
    { name: 'area', key: `area ${area}`, account: null, network: area, rule: perArea },
  ]
}

export function accountOf({ kind, address }: Pick<LoginAttempt, 'kind' | 'address'>): string {
  return `${kind}:${address}`
}

/** How long the answer waits after so many failures, in ms; 0 below half of what there may be. */
export function delayAfter(failures: number, { failuresMax, delays }: GuardRule): number {
  const beyond = failures - Math.ceil(failuresMax / 2)
  return !delays || beyond < 0 ? 0 : Math.min(delayMsMax, delayMsFirst * 2 ** beyond)
}

function networkOf(address: string, { ipv4, ipv6 }: { ipv4: number; ipv6: number }): string {
  const own = canonicalNetwork(address)
  if (own === null) return 'unknown'
  const [plain = ''] = own.split('/')
  return canonicalNetwork(`${plain}/${plain.includes(':') ? ipv6 : ipv4}`) ?? 'unknown'
}

/** Whether many people come from that one address: this machine, behind which a proxy may be, and what is configured. */
function isTrusted({ loginTrustedNetworks }: Config, address: string): boolean {
  return isLoopback(address) || networkList(loginTrustedNetworks).has(address.replace(/%.*$/, ''))
}
