/** TLS reports (RFC 8460 §4): JSON from a stranger into typed values. */
import { child, countOf, domainOf, listOf, momentOf, textOf } from './fields.ts'
import { reportLimits } from './limits.ts'
import { ReportRefused } from './unpack.ts'

export type TlsFailure = {
  /** `certificate-expired`, `starttls-not-supported`, `validation-failure` … (RFC 8460 §4.3). */
  resultType: string
  count: number
  sendingAddress: string | null
  receivingHost: string | null
  receivingAddress: string | null
  detail: string | null
}

export type TlsPolicyReport = {
  /** `sts`, `tlsa` or `no-policy-found`. */
  policyType: string
  domain: string
  successCount: number
  failureCount: number
  failures: TlsFailure[]
}

export type TlsReport = {
  organization: string
  contact: string | null
  reportId: string
  begin: Date
  end: Date
  policies: TlsPolicyReport[]
}

/** @throws ReportRefused when it is no report, or one without what makes it one. */
export function parseTlsReport(json: string): TlsReport {
  const report = parse(json)
  const organization = textOf(child(report, 'organization-name'))
  const reportId = textOf(child(report, 'report-id'))
  const range = child(report, 'date-range')
  const begin = dateOf(child(range, 'start-datetime'))
  const end = dateOf(child(range, 'end-datetime'))
  const policies = listOf(child(report, 'policies'))
    .slice(0, reportLimits.policiesMax)
    .flatMap((policy) => policyOf(policy) ?? [])
  if (organization === null || reportId === null)
    throw new ReportRefused('the report does not say whose it is')
  if (begin === null || end === null || end < begin) throw new ReportRefused('the report covers no time')
  if (policies.length === 0) throw new ReportRefused('the report names no domain')
  const contact = textOf(child(report, 'contact-info'))
  return { organization, contact, reportId, begin, end, policies }
}

function parse(json: string): unknown {
  try {
    const parsed: unknown = JSON.parse(json)
    return parsed
  } catch (error) {
    throw new ReportRefused('the JSON is broken', error)
  }
}

function dateOf(value: unknown): Date | null {
  const text = textOf(value)
  return text === null ? null : momentOf(Date.parse(text))
}

function policyOf(value: unknown): TlsPolicyReport | null {
  const policy = child(value, 'policy')
  const summary = child(value, 'summary')
  const domain = domainOf(child(policy, 'policy-domain'))
  const policyType = textOf(child(policy, 'policy-type'))
  if (domain === null || policyType === null) return null
  return {
    policyType: policyType.toLowerCase(),
    domain,
    successCount: countOf(child(summary, 'total-successful-session-count')) ?? 0,
    failureCount: countOf(child(summary, 'total-failure-session-count')) ?? 0,
    failures: listOf(child(value, 'failure-details'))
      .slice(0, reportLimits.failuresMax)
      .flatMap((failure) => failureOf(failure) ?? []),
  }
}

function failureOf(value: unknown): TlsFailure | null {
  const resultType = textOf(child(value, 'result-type'))
  if (resultType === null) return null
  return {
    resultType: resultType.toLowerCase(),
    count: countOf(child(value, 'failed-session-count')) ?? 1,
    sendingAddress: textOf(child(value, 'sending-mta-ip')),
    receivingHost: textOf(child(value, 'receiving-mx-hostname')),
    receivingAddress: textOf(child(value, 'receiving-ip')),
    detail: textOf(child(value, 'additional-information')) ?? textOf(child(value, 'failure-reason-code')),
  }
}
