/**
 * Delivery status notifications that came: RFC 3464, RFC 6533, and how senders depart from them. Pure; it never throws.
 * What has no machine's part is left to parse-old-bounce.ts.
 */
import { parseHeaderFields } from '../../messages/mime/header-fields.ts'
import { decodeXtext } from './dsn-status.ts'
import { partOf, type ReportParts, type ReturnedMessage, returnedMessage } from './report-parts.ts'

export type DsnAction = 'failed' | 'delayed' | 'delivered' | 'relayed' | 'expanded'

export type ReportedRecipient = {
  /** Final-Recipient and Original-Recipient as addresses, without their types. */
  addresses: string[]
  action: DsnAction
  /** RFC 3463; null when it has none that is one. */
  status: string | null
  /** Diagnostic-Code without its type; null when there is none. */
  diagnostic: string | null
  remoteMta: string | null
}

export type ParsedDsn = {
  envid: string | null
  recipients: ReportedRecipient[]
  original: ReturnedMessage | null
}

const recipientsMax = 200
const valueLengthMax = 2000

/** @returns null when the report has no machine's part, or that names nobody. */
export function parseDsn(report: ReportParts): ParsedDsn | null {
  const part = partOf(report, 'message/delivery-status', 'message/global-delivery-status')
  if (part === null) return null
  const groups = groupsOf(part.content)
  const envid = groups.flat().find(({ name }) => name === 'original-envelope-id')?.value ?? null
  const recipients = groups
    .flatMap(recipientGroups)
    .flatMap((fields) => recipientOf(fields) ?? [])
    .slice(0, recipientsMax)
  if (recipients.length === 0) return null
  return { envid, recipients, original: returnedMessage(report) }
}

type Field = { name: string; value: string }

/** Groups of fields between empty lines. */
function groupsOf(content: Buffer): Field[][] {
  return content
    .toString('latin1')
    .split(/(?:\r?\n[ \t]*){2,}/, recipientsMax + 50)
    .map((text) =>
      parseHeaderFields(Buffer.from(text.replace(/^[\r\n]+/, ''), 'latin1')).map(({ name, value }) => ({
        name: name.toLowerCase(),
        value: value.slice(0, valueLengthMax),
      })),
    )
}

/** Some leave out the empty lines: then the next recipient begins where a field comes for the second time. */
function recipientGroups(fields: readonly Field[]): Field[][] {
  const groups: Field[][] = [[]]
  let seen = new Set<string>()
  for (const field of fields) {
    const isFirst = field.name === 'final-recipient' || field.name === 'original-recipient'
    if (isFirst && seen.has(field.name)) {
      groups.push([])
      seen = new Set()
    }
    seen.add(field.name)
    groups.at(-1)?.push(field)
  }
  return groups
}

function recipientOf(fields: readonly Field[]): ReportedRecipient | null {
  const values = new Map(fields.toReversed().map(({ name, value }) => [name, value])) // of two the first counts
  const addresses = [values.get('final-recipient'), values.get('original-recipient')].flatMap((value) =>
    value === undefined ? [] : addressOf(value),
  )
  if (addresses.length === 0) return null
  const status = /\b([245]\.\d{1,3}\.\d{1,3})\b/.exec(values.get('status') ?? '')?.[1] ?? null
  const diagnostic = values.get('diagnostic-code')
  return {
    addresses: [...new Set(addresses)],
    action: actionOf(values.get('action') ?? '', status),
    status,
    diagnostic: diagnostic === undefined ? null : withoutType(diagnostic),
    remoteMta: values.has('remote-mta') ? withoutType(values.get('remote-mta') ?? '') : null,
  }
}

/** RFC 3464 §2.3.1: type and address. The type may be missing, the address in brackets or in xtext. */
function addressOf(value: string): string[] {
  const address = withoutType(value)
    .replace(/^<(.*)>$/, '$1')
    .trim()
  return address.includes('@') ? [address, ...(address.includes('+') ? [decodeXtext(address)] : [])] : []
}

function withoutType(value: string): string {
  return value.replace(/^\s*[\w-]{1,40}\s*;\s*/, '').trim()
}

const actions = ['failed', 'delayed', 'delivered', 'relayed', 'expanded'] as const

/** What is not said is told by the status' first digit. */
function actionOf(value: string, status: string | null): DsnAction {
  const word = /^\s*([a-z]+)/i.exec(value)?.[1]?.toLowerCase()
  const known = actions.find((action) => action === word)
  if (known) return known
  if (word === 'failure') return 'failed'
  return status?.startsWith('2') ? 'delivered' : status?.startsWith('4') ? 'delayed' : 'failed'
}
