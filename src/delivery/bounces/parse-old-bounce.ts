/**
 * Bounces without a machine's part: qmail, older Exim, Sendmail, Exchange and Gmail, and servers that took after them. Read
 * leniently, because what is read counts only when it names a message and a recipient of ours. Pure; it never throws.
 */
import type { DsnAction, ParsedDsn, ReportedRecipient } from './parse-dsn.ts'
import {
  addressesIn,
  partOf,
  type ReportParts,
  type ReturnedMessage,
  returnedHeader,
  returnedMessage,
  textOf,
} from './report-parts.ts'

/** Where the notice ends and what it returns begins. */
const separators =
  /^.{0,20}(?:below this line is a copy|this is a copy of (?:the|your) message|-{2,} ?original message|unsent message follows|message headers? follow|original headers?:).{0,80}$/im

const failureWords =
  /undeliver|could ?n[o']t be delivered|could not be (?:sent|reached)|fail|not reach|returned|unable to deliver|permanent|rejected|unzustellbar|non remis/i
const delayWords = /delayed|still being retried|not yet been delivered|will keep trying|will be retried/i

const noticeLengthMax = 32 * 1024

/** @returns null when nobody is named, or nothing says that something failed. */
export function parseOldBounce(report: ReportParts): ParsedDsn | null {
  const text = plainText(report)
  const cut = separators.exec(text)
  const notice = (cut ? text.slice(0, cut.index) : text).slice(0, noticeLengthMax)
  const action = actionOf(`${report.subject}\n${notice}`)
  if (action === null) return null
  const named = new Set([...failedRecipients(report), ...addressesIn(notice)])
  const recipients = [...named].map((address) => recipientOf(address, action, notice))
  if (recipients.length === 0) return null
  const original = returnedMessage(report) ?? (cut ? returnedText(text, cut.index + cut[0].length) : null)
  return { envid: null, recipients, original }
}

function plainText(report: ReportParts): string {
  const part = partOf(report, 'text/plain') ?? partOf(report, 'text/html')
  if (part === null) return ''
  const text = textOf(part)
  return part.type === 'text/html' ? text.replace(/<[^<>@]{0,500}>/g, ' ') : text
}

function actionOf(text: string): DsnAction | null {
  if (delayWords.test(text)) return 'delayed'
  return failureWords.test(text) ? 'failed' : null
}

/** Exim's X-Failed-Recipients. */
function failedRecipients(report: ReportParts): string[] {
  return returnedHeader(report.header).fields.get('x-failed-recipients')?.flatMap(addressesIn) ?? []
}

const replyPattern = /\b[45]\d\d[ -][^\r\n]*/
const writtenStatus = /#?\b([45]\.\d{1,3}\.\d{1,3})\b/

/** What is said of a recipient stands behind its address, up to the next empty line. */
function recipientOf(address: string, action: DsnAction, notice: string): ReportedRecipient {
  const behind = notice.slice(notice.indexOf(address) + address.length)
  const lines = behind.split(/\r?\n/, linesMax).map(withoutMargin)
  const first = lines.findIndex((line) => line.length > 3)
  const end = lines.indexOf('', first)
  const said = lines.slice(Math.max(0, first), end < 0 ? linesMax : end).join(' ')
  const diagnostic = (replyPattern.exec(said) ?? replyPattern.exec(behind))?.[0] ?? said
  return {
    addresses: [address],
    action,
    status: writtenStatus.exec(diagnostic)?.[1] ?? null,
    diagnostic: diagnostic === '' ? null : diagnostic.slice(0, diagnosticLengthMax).trim(),
    remoteMta: null,
  }
}

const linesMax = 20
const diagnosticLengthMax = 1000

/** Without what Exchange has between the address and the reason: when it was sent. */
function withoutMargin(line: string): string {
  return line
    .replace(/^[\s>:.')]+/, '')
    .replace(/^on [\d/. :]{8,30}$/, '')
    .trim()
}

function returnedText(text: string, from: number): ReturnedMessage {
  const header = /^[!-9;-~]+:/m.exec(text.slice(from))
  return returnedHeader(Buffer.from(text.slice(from + (header?.index ?? 0))))
}
