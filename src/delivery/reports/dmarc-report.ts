/** DMARC aggregate reports (RFC 7489 §7.2 and appendix C): XML from a stranger into typed rows. */
import { isIP } from 'node:net'
import { XMLParser } from 'fast-xml-parser'
import { child, countOf, domainOf, listOf, momentOf, textOf, wordOf } from './fields.ts'
import { reportLimits } from './limits.ts'
import { ReportRefused } from './unpack.ts'

export const dispositions = ['none', 'quarantine', 'reject'] as const
export type Disposition = (typeof dispositions)[number]

export type AuthEntry = { domain: string; result: string; selector?: string }

export type DmarcReportRow = {
  sourceAddress: string
  count: number
  disposition: Disposition
  /** What DMARC made of it: aligned and passed. */
  dkimAligned: boolean
  spfAligned: boolean
  /** Why the receiver did something else than was asked for. */
  overrides: string[]
  headerFrom: string | null
  envelopeFrom: string | null
  dkim: AuthEntry[]
  spf: AuthEntry[]
}

export type DmarcReport = {
  organization: string
  email: string | null
  reportId: string
  begin: Date
  end: Date
  /** The domain that published the policy. */
  domain: string
  policy: { p: Disposition | null; sp: Disposition | null; percent: number | null }
  rows: DmarcReportRow[]
  /** Messages in rows beyond the bound. */
  omittedCount: number
}

const parser = new XMLParser({
  ignoreAttributes: true,
  removeNSPrefix: true,
  parseTagValue: false, // a report id of digits is a text
  processEntities: false, // no document type of a stranger is expanded
  trimValues: true,
})

// The five that XML knows without a document type (XML 1.0 §4.6), and numbers.
const entities: Readonly<Record<string, string>> = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' }

function decoded(text: string | null): string | null {
  return text === null
    ? null
    : text.replace(/&(lt|gt|quot|apos|amp);/g, (whole, name: string) => entities[name] ?? whole)
}

/** @throws ReportRefused when it is no report, or one without what makes it one. */
export function parseDmarcReport(xml: string): DmarcReport {
  const feedback = child(parse(xml), 'feedback')
  if (feedback === undefined) throw new ReportRefused('there is no <feedback> in the XML')
  const metadata = child(feedback, 'report_metadata')
  const range = child(metadata, 'date_range')
  const published = child(feedback, 'policy_published')
  const organization = decoded(textOf(child(metadata, 'org_name')))
  const reportId = decoded(textOf(child(metadata, 'report_id')))
  const domain = domainOf(child(published, 'domain'))
  const begin = secondsOf(child(range, 'begin'))
  const end = secondsOf(child(range, 'end'))
  if (organization === null || reportId === null)
    throw new ReportRefused('the report does not say whose it is')
  if (domain === null) throw new ReportRefused('the report names no domain')
  if (begin === null || end === null || end < begin) throw new ReportRefused('the report covers no time')
  const records = listOf(child(feedback, 'record'))
  const rows = records.slice(0, reportLimits.rowsMax).flatMap((record) => rowOf(record) ?? [])
  return {
    organization,
    email: decoded(textOf(child(metadata, 'email'))),
    reportId,
    begin,
    end,
    domain,
    policy: {
      p: wordOf(child(published, 'p'), dispositions),
      sp: wordOf(child(published, 'sp'), dispositions),
      percent: countOf(child(published, 'pct')),
    },
    rows,
    omittedCount: records
      .slice(reportLimits.rowsMax)
      .reduce<number>((sum, record) => sum + (countOf(child(child(record, 'row'), 'count')) ?? 0), 0),
  }
}

function parse(xml: string): unknown {
  // A document type has no place in a report; what it would define must not cost anything.
  if (/<!DOCTYPE/i.test(xml.slice(0, 10_000))) throw new ReportRefused('the XML has a document type')
  try {
    const parsed: unknown = parser.parse(xml)
    return parsed
  } catch (error) {
    throw new ReportRefused('the XML is broken', error)
  }
}

function secondsOf(value: unknown): Date | null {
  const seconds = countOf(value)
  return seconds === null ? null : momentOf(seconds * 1000)
}

/** @returns null for a record that says nothing usable. */
function rowOf(record: unknown): DmarcReportRow | null {
  const row = child(record, 'row')
  const evaluated = child(row, 'policy_evaluated')
  const identifiers = child(record, 'identifiers')
  const results = child(record, 'auth_results')
  const sourceAddress = textOf(child(row, 'source_ip'))
  const count = countOf(child(row, 'count'))
  if (sourceAddress === null || isIP(sourceAddress) === 0 || count === null || count === 0) return null
  return {
    sourceAddress,
    count,
    disposition: wordOf(child(evaluated, 'disposition'), dispositions) ?? 'none',
    dkimAligned: textOf(child(evaluated, 'dkim'))?.toLowerCase() === 'pass',
    spfAligned: textOf(child(evaluated, 'spf'))?.toLowerCase() === 'pass',
    overrides: listOf(child(evaluated, 'reason')).flatMap((reason) => textOf(child(reason, 'type')) ?? []),
    headerFrom: domainOf(child(identifiers, 'header_from')),
    envelopeFrom: domainOf(child(identifiers, 'envelope_from')),
    dkim: entriesOf(child(results, 'dkim')),
    spf: entriesOf(child(results, 'spf')),
  }
}

function entriesOf(value: unknown): AuthEntry[] {
  return listOf(value)
    .slice(0, reportLimits.resultsPerRowMax)
    .flatMap((entry) => {
      const domain = domainOf(child(entry, 'domain'))
      const result = textOf(child(entry, 'result'))?.toLowerCase() ?? null
      const selector = textOf(child(entry, 'selector'))
      if (domain === null || result === null) return []
      return [{ domain, result, ...(selector === null ? {} : { selector }) }]
    })
}
