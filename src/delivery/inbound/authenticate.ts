/** SPF (RFC 7208), DKIM (RFC 6376), DMARC (RFC 9989) and ARC (RFC 8617) of an arrival, by mailauth. */

import type { AuthenticateResult } from 'mailauth'
import type { AuthResult } from '../../messages/trust.ts'
import { unmapped } from '../../platform/address-bytes.ts'
import type { Platform } from '../../platform/platform.ts'
import { storableText } from '../storable-text.ts'
import { sealersOf } from './arc-chain.ts'
import type { Arrival, Authentication } from './arrival.ts'
import { checkInput } from './check-input.ts'
import { type CheckResolver, startCheckResolver } from './check-resolver.ts'
import { judgeDmarc } from './dmarc.ts'
import { clientBehind } from './lmtp-client.ts'
import { authenticatePlain, type PlainResult } from './plain-authentication.ts'
import { shareKeys } from './shared-keys.ts'

shareKeys()

const bounds = { msMax: 15_000, questionsMax: 150 } as const
/** RFC 8301 §3.2: shorter RSA keys prove nothing. */
const keyBitsMin = 1024

/**
 * Checks who a message is from. It never rejects: what cannot be asked is a temperror, and what cannot be read proves
 * nothing.
 */
export async function authenticateArrival(platform: Platform, arrival: Arrival): Promise<Authentication> {
  using resolver = startCheckResolver(platform.dns, bounds)
  const client = clientOf(arrival)
  try {
    const plain =
      client.address === null
        ? null
        : await authenticatePlain(platform, resolver, arrival, { ...client, address: client.address })
    if (plain !== null) return plainAuthenticationOf(platform, plain)
    const { authenticate } = await import('mailauth') // with BIMI it is 250 modules, which most mail does not need
    const result = await authenticate(await checkInput(arrival.message), {
      ...spfIdentity(arrival, client),
      mta: platform.config.hostname,
      resolver: (name, type) => resolver.resolve(name, type),
      minBitLength: keyBitsMin,
      rejectRsaSha1: true, // RFC 8301 §3.1
      disableBimi: true,
      strict: true, // what the RFCs call a failure is reported as one
    })
    return await authenticationOf(platform, resolver, result, client.address !== null)
  } catch (error) {
    platform.log.error({ event: 'delivery.authentication_failed', id: arrival.id, cause: error })
    return unreadable(platform)
  }
}

type Client = { helo: string; address: string | null }

/** Over LMTP the client is the mail server in front; whose address counts is in the trace that it added. */
function clientOf({ role, helo, remoteAddress, message }: Arrival): Client {
  const plain = unmapped(remoteAddress)
  return role === 'lmtp' ? clientBehind(message.header) : { helo, address: plain === '' ? null : plain }
}

/** Without an address there is nothing that SPF could check: it is asked about a name that has no policy. */
function spfIdentity(
  { mailFrom, remoteAddress }: Arrival,
  { helo, address }: Client,
): { sender: string; helo: string; ip: string } {
  if (address !== null) return { sender: mailFrom, helo, ip: address }
  return { sender: '', helo: `[${remoteAddress}]`, ip: remoteAddress }
}

function plainAuthenticationOf(platform: Platform, found: PlainResult): Authentication {
  const { signatures, spf, author, policy, fields, authResults } = found
  return {
    spf: { result: narrowed(spf.status.result), domain: storableText(spf.domain) },
    dkim: signatures.map(({ domain, selector }) => ({
      result: 'pass',
      domain,
      selector,
      aligned: domain === author,
    })),
    dmarc: { result: 'pass', domain: author, policy: policy.policy, disposition: 'none', override: null },
    arc: { result: 'none', sealers: [] },
    fields: cleanFields(fields, platform.config.hostname, true),
    arcRecord: { authResults: storableText(authResults), cv: 'none' },
  }
}

async function authenticationOf(
  platform: Platform,
  resolver: CheckResolver,
  result: AuthenticateResult,
  isClientKnown: boolean,
): Promise<Authentication> {
  const spf = isClientKnown && result.spf ? result.spf : null
  const arc = result.arc || null
  return {
    spf: { result: narrowed(spf?.status.result ?? 'none'), domain: spf ? storableText(spf.domain) : null },
    dkim: result.dkim.results.flatMap(({ status, signingDomain, selector }) =>
      signingDomain && selector
        ? [
            {
              result: narrowed(status.result),
              domain: storableText(signingDomain.toLowerCase()),
              selector: storableText(selector),
              aligned: Boolean(status.aligned),
            },
          ]
        : [],
    ),
    dmarc: await judgeDmarc(platform, resolver, result),
    arc: {
      result: narrowed(arc?.status.result ?? 'none'),
      sealers: sealersOf(arc).map(storableText),
    },
    fields: cleanFields(result.headers, platform.config.hostname, isClientKnown),
    arcRecord: {
      authResults: storableText(arc?.authResults ?? `${platform.config.hostname}; none`),
      cv: chainState(arc),
    },
  }
}

const results: readonly AuthResult[] = [
  'none',
  'neutral',
  'pass',
  'fail',
  'softfail',
  'policy',
  'temperror',
  'permerror',
]

/** A word that is not among ours says nothing. */
function narrowed(word: string): AuthResult {
  return results.find((one) => one === word) ?? 'neutral'
}

function chainState(arc: { status: { result: string } } | null): 'none' | 'pass' | 'fail' {
  const state = arc?.status.result
  return state === 'pass' || state === 'fail' ? state : 'none'
}

const cleanField = /^(?:Authentication-Results|Received-SPF):[^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*/

/** The fields in our order, each a field and nothing more: words of the message stand in them. */
function cleanFields(text: string, hostname: string, isClientKnown: boolean): string {
  const fields: string[] = []
  let rest = text.replace(/[^\P{Cc}\r\n\t]/gu, '') // RFC 5322 §2.2: no control characters
  for (let match = cleanField.exec(rest); match; match = cleanField.exec(rest)) {
    fields.push(match[0])
    rest = rest.slice(match[0].length)
  }
  const isWhole = rest.trim() === '' && fields.length > 0
  const kept = fields.filter((field) => isClientKnown || !field.startsWith('Received-SPF'))
  return isWhole ? kept.join('') : `Authentication-Results: ${hostname}; none\r\n`
}

/** A message that breaks the checks must not pass for one that they found nothing wrong with. */
function unreadable(platform: Platform): Authentication {
  const authResults = `${platform.config.hostname}; none`
  return {
    spf: { result: 'permerror', domain: null },
    dkim: [],
    dmarc: { result: 'permerror', domain: null, policy: null, disposition: 'quarantine', override: null },
    arc: { result: 'none', sealers: [] },
    fields: `Authentication-Results: ${authResults}\r\n`,
    arcRecord: { authResults, cv: 'none' },
  }
}
