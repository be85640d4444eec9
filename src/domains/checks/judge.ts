/** Whether what DNS has at a name is what the plan wants there. */
import type { DesiredRecord } from '../plan/record.ts'
import type { Answer } from './answers.ts'
import type { RecordStatus, SeenRecord } from './tables.ts'

/** What a verdict needs beside the record and the answer. */
export type Facts = {
  /** Addresses that lead to this platform. */
  ourAddresses: readonly string[]
  /** Where this DKIM selector points to when it is an alias into the platform's zone; null without such a zone. */
  dkimTarget: string | null
  /** The text of this selector's key; null when there is none. */
  dkimText: string | null
}

export type Verdict = Pick<SeenRecord, 'status' | 'seen' | 'suggestion' | 'answeredBy'>

const seenMax = 5
const seenLengthMax = 600
/** A longer SPF record fits into no answer that receivers like (RFC 7208 §3.4). */
const spfLengthMax = 4000

export function judge(desired: DesiredRecord, answer: Answer, facts: Facts): Verdict {
  if (answer.kind === 'unanswered') {
    return { status: 'unanswered', seen: [], suggestion: null, answeredBy: null }
  }
  const related = relatedValues(desired, answer)
  const status = statusOf(desired, answer, related, facts)
  return {
    status,
    seen: related.slice(0, seenMax).map((value) => value.slice(0, seenLengthMax).toWellFormed()),
    suggestion: desired.purpose === 'spf' && status === 'wrong' ? mergedSpf(related) : null,
    answeredBy: answer.by,
  }
}

type Records = Extract<Answer, { kind: 'records' }>

/** A name's other records are none of our business; an alias stands for what it has. */
function relatedValues(desired: DesiredRecord, { values, cname }: Records): string[] {
  const related = values.filter((value) => isRelated(desired, value))
  return related.length === 0 && cname !== null ? [cname] : related
}

function isRelated({ purpose, type }: DesiredRecord, value: string): boolean {
  if (type === 'CAA') return / issue "/.test(value)
  if (type !== 'TXT') return true
  switch (purpose) {
    case 'ownership':
      return value.startsWith('mailwright-verification=')
    case 'spf':
      return /^v=spf1(?: |$)/i.test(value)
    case 'dmarc':
      return /^v=DMARC1\s*(?:;|$)/.test(value)
    case 'tls_rpt':
      return /^v=TLSRPTv1\s*;/.test(value)
    case 'mta_sts':
      return /^v=STSv1\s*;/.test(value)
    case 'bimi':
      return /^v=BIMI1\s*;/.test(value)
    default:
      return true
  }
}

function statusOf(
  desired: DesiredRecord,
  { values, cname }: Records,
  related: readonly string[],
  facts: Facts,
): RecordStatus {
  const verdict = (isValid: boolean): RecordStatus =>
    related.length === 0 ? 'missing' : isValid ? 'valid' : 'wrong'
  if (desired.purpose === 'dkim') {
    const isAlias = cname !== null && cname === facts.dkimTarget
    // Whether by our alias or pasted: a receiver finds the key.
    const isKey =
      values.length === 1 && facts.dkimText !== null && keyOf(values[0] ?? '') === keyOf(facts.dkimText)
    return verdict(isAlias || isKey)
  }
  if (desired.type === 'CNAME') {
    const leadsHere = values.length > 0 && values.every((value) => facts.ourAddresses.includes(value))
    return verdict(cname === desired.value || leadsHere)
  }
  return verdict(isRight(desired, related))
}

function isRight({ purpose, type, value }: DesiredRecord, seen: readonly string[]): boolean {
  switch (type) {
    case 'MX':
      return isFirstExchange(seen, value)
    case 'SRV':
      return seen.some((one) => serviceOf(one) === serviceOf(value))
    case 'CAA':
      return seen.some((one) => issuerOf(one) === issuerOf(value))
    case 'TXT':
      return purpose === 'ownership'
        ? seen.includes(value)
        : seen.length === 1 && isRightText(purpose, seen[0] ?? '', value)
    default:
      return seen.includes(value)
  }
}

/** Of texts that may occur once only (RFC 7208 §4.5, RFC 7489 §6.6.3, RFC 8460 §3, RFC 8461 §3.1). */
function isRightText(purpose: DesiredRecord['purpose'], seen: string, wanted: string): boolean {
  switch (purpose) {
    case 'spf':
      return /(?:^| )\+?mx(?: |$)/i.test(seen)
    case 'dmarc':
      return strengthOf(seen) >= strengthOf(wanted)
    case 'tls_rpt':
      return /;\s*rua\s*=/.test(seen)
    default:
      return withoutSpaces(seen) === withoutSpaces(wanted)
  }
}

const policies = ['none', 'quarantine', 'reject']

/** How much a DMARC record asks for; -1 when it says nothing. A stricter one than ours is its owner's choice. */
function strengthOf(record: string): number {
  return policies.indexOf(/;\s*p\s*=\s*(\w+)/i.exec(record)?.[1]?.toLowerCase() ?? '')
}

function withoutSpaces(text: string): string {
  return text.replace(/\s/g, '').replace(/;$/, '')
}

/** Whether mail comes to us first; others may stand behind. */
function isFirstExchange(seen: readonly string[], desired: string): boolean {
  const records = seen.map(mxOf)
  const lowest = Math.min(...records.map(({ preference }) => preference))
  const { exchange } = mxOf(desired)
  return records.some((record) => record.exchange === exchange && record.preference === lowest)
}

function mxOf(value: string): { preference: number; exchange: string } {
  const [preference = '', exchange = ''] = value.split(' ')
  return { preference: Number(preference), exchange }
}

/** Port and target; priority and weight are their owner's choice. */
function serviceOf(value: string): string {
  const [, , port = '', target = ''] = value.split(' ')
  return target === '.' ? '.' : `${port} ${target}`
}

/** The domain of an issuer, without its parameters (RFC 8659 §4.2). */
function issuerOf(value: string): string {
  return /^\d+ issue "\s*([^;"\s]*)/.exec(value)?.[1]?.toLowerCase() ?? ''
}

/** An owner who sends from elsewhere, too, keeps that: the record with our mechanism put first. */
function mergedSpf(seen: readonly string[]): string | null {
  const [only] = seen
  return seen.length === 1 && only !== undefined && only.length <= spfLengthMax
    ? only.replace(/^v=spf1/i, 'v=spf1 mx')
    : null
}

/** `p=` of a key record; white space has no meaning in it (RFC 6376 §3.6.1). */
function keyOf(record: string): string {
  return /(?:^|;)\s*p\s*=([^;]*)/.exec(record)?.[1]?.replace(/\s/g, '') ?? ''
}
