/**
 * Complaints of mailbox providers about mail of ours: the abuse reporting format (RFC 5965), and those who do without it.
 * Pure; it never throws.
 */
import { parseHeaderFields } from '../../messages/mime/header-fields.ts'
import {
  addressesIn,
  partOf,
  type ReportParts,
  type ReturnedMessage,
  returnedMessage,
} from './report-parts.ts'

export type ParsedArf = {
  /** In lower case: abuse, fraud, opt-out, not-spam, virus, other, auth-failure … */
  feedbackType: string
  /** Whether a person does not want such mail; other types speak of other things. */
  isComplaint: boolean
  /** Who complains, as far as it is said: many providers leave it out. */
  addresses: string[]
  reporter: string | null
  original: ReturnedMessage | null
}

const complaintTypes = new Set(['abuse', 'fraud', 'opt-out', 'opt-out-list', 'miscategorized'])
const recipientFields = new Set(['original-rcpt-to', 'removal-recipient', 'original-recipient'])

/** @returns null when it is no such report. */
export function parseArf(report: ReportParts): ParsedArf | null {
  const original = returnedMessage(report)
  const part = partOf(report, 'message/feedback-report')
  if (part === null) return withoutMachinePart(report, original)
  const fields = parseHeaderFields(withoutBlankLines(part.content)).map(({ name, value }) => ({
    name: name.toLowerCase(),
    value: value.slice(0, 1000),
  }))
  const first = (name: string): string | null => fields.find((field) => field.name === name)?.value ?? null
  const feedbackType = first('feedback-type')?.trim().toLowerCase() || 'abuse'
  return {
    feedbackType,
    isComplaint: complaintTypes.has(feedbackType),
    addresses: [
      ...new Set(fields.flatMap(({ name, value }) => (recipientFields.has(name) ? addressesIn(value) : []))),
    ],
    reporter: first('reporting-mta') ?? first('user-agent'),
    original,
  }
}

/** Outlook.com's junk reports are the message alone, whose header names who complains. */
function withoutMachinePart(report: ReportParts, original: ReturnedMessage | null): ParsedArf | null {
  if (original === null || !/^complaint about message from/i.test(report.subject)) return null
  return {
    feedbackType: 'abuse',
    isComplaint: true,
    addresses: original.fields.get('x-hmxmroriginalrecipient')?.flatMap(addressesIn) ?? [],
    reporter: 'Outlook.com',
    original,
  }
}

/** Some put empty lines before or between the fields. */
function withoutBlankLines(content: Buffer): Buffer {
  return Buffer.from(
    content
      .toString('latin1')
      .replace(/(?:\r?\n[ \t]*)+(?=\r?\n)/g, '')
      .trimStart(),
    'latin1',
  )
}
