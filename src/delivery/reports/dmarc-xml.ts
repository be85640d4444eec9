/** Our DMARC aggregate reports (RFC 7489 appendix C), as XML. */
import type { AuthResult } from '../../messages/trust.ts'
import type { ObservedTrust } from './tables.ts'

export type ObservedRow = { sourceAddress: string; envelopeFrom: string; count: number; trust: ObservedTrust }

export type DmarcReportHead = {
  organization: string
  email: string
  reportId: string
  from: Date
  to: Date
  /** Where the record stands. */
  domain: string
  /** The record's tags. */
  tags: ReadonlyMap<string, string>
}

/** @returns the report with every text escaped. */
export function dmarcReportXml(head: DmarcReportHead, rows: readonly ObservedRow[]): string {
  const tag = (name: string, fallback: string): string => element(name, head.tags.get(name) ?? fallback)
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<feedback>',
    '<version>1.0</version>',
    '<report_metadata>',
    element('org_name', head.organization),
    element('email', head.email),
    element('report_id', head.reportId),
    `<date_range>${element('begin', seconds(head.from))}${element('end', seconds(head.to) - 1)}</date_range>`,
    '</report_metadata>',
    '<policy_published>',
    element('domain', head.domain),
    tag('adkim', 'r') + tag('aspf', 'r') + tag('p', 'none'),
    element('sp', head.tags.get('sp') ?? head.tags.get('p') ?? 'none') + tag('pct', '100'),
    '</policy_published>',
    ...rows.map(record),
    '</feedback>',
    '',
  ].join('\n')
}

function record({ sourceAddress, envelopeFrom, count, trust: { spf, dkim, dmarc } }: ObservedRow): string {
  const spfAligned = dmarc.result === 'pass' && spf.result === 'pass' && isAligned(spf.domain, dmarc.domain)
  const reason = dmarc.override === null ? '' : `<reason>${element('type', dmarc.override)}</reason>`
  return [
    '<record>',
    '<row>',
    element('source_ip', sourceAddress) + element('count', count),
    `<policy_evaluated>${element('disposition', dmarc.disposition)}${element('dkim', passed(dkim.some(({ aligned, result }) => aligned && result === 'pass')))}${element('spf', passed(spfAligned))}${reason}</policy_evaluated>`,
    '</row>',
    `<identifiers>${element('header_from', dmarc.domain ?? '')}${envelopeFrom === '' ? '' : element('envelope_from', envelopeFrom)}</identifiers>`,
    '<auth_results>',
    ...dkim.map(
      ({ domain, selector, result }) =>
        `<dkim>${element('domain', domain)}${element('selector', selector)}${element('result', dkimResult(result))}</dkim>`,
    ),
    `<spf>${element('domain', spf.domain ?? envelopeFrom)}${element('scope', 'mfrom')}${element('result', spf.result === 'policy' ? 'fail' : spf.result)}</spf>`,
    '</auth_results>',
    '</record>',
  ].join('\n')
}

/** Relaxed alignment, enough to say which of the two passed when DMARC as a whole did (RFC 7489 §3.1). */
function isAligned(domain: string | null, author: string | null): boolean {
  if (domain === null || author === null) return false
  return domain === author || domain.endsWith(`.${author}`) || author.endsWith(`.${domain}`)
}

const passed = (isPassed: boolean): string => (isPassed ? 'pass' : 'fail')

// The schema knows no softfail for DKIM.
const dkimResult = (result: AuthResult): string => (result === 'softfail' ? 'fail' : result)

function seconds(at: Date): number {
  return Math.floor(at.getTime() / 1000)
}

function element(name: string, value: string | number): string {
  return `<${name}>${escaped(String(value))}</${name}>`
}

/** XML 1.0 §2.2, §2.4: what is no character of XML is left out. */
function escaped(text: string): string {
  return text
    .replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '')
    .replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}
