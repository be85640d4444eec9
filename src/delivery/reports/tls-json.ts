/** Our TLS reports (RFC 8460 §4.4), as JSON. */

export type ObservedSessions = {
  policyType: string
  resultType: string
  host: string
  address: string
  count: number
}

export type TlsReportHead = {
  organization: string
  contact: string
  reportId: string
  from: Date
  to: Date
  domain: string
  /** The lines of the MTA-STS policy that was in force, when there was one. */
  policyLines: readonly string[]
}

export function tlsReportJson(head: TlsReportHead, sessions: readonly ObservedSessions[]): string {
  const byPolicy = Map.groupBy(sessions, ({ policyType }) => policyType)
  return JSON.stringify({
    'organization-name': head.organization,
    'date-range': {
      'start-datetime': wholeSeconds(head.from),
      'end-datetime': wholeSeconds(new Date(head.to.getTime() - 1000)),
    },
    'contact-info': head.contact,
    'report-id': head.reportId,
    policies: [...byPolicy].map(([policyType, rows]) => {
      const failed = rows.filter(({ resultType }) => resultType !== '')
      return {
        policy: {
          'policy-type': policyType,
          ...(policyType === 'sts' ? { 'policy-string': head.policyLines } : {}),
          'policy-domain': head.domain,
        },
        summary: {
          'total-successful-session-count': sum(rows) - sum(failed),
          'total-failure-session-count': sum(failed),
        },
        ...(failed.length === 0 ? {} : { 'failure-details': failed.map(failure) }),
      }
    }),
  })
}

function failure({ resultType, host, address, count }: ObservedSessions) {
  return {
    'result-type': resultType,
    ...(host === '' ? {} : { 'receiving-mx-hostname': host }),
    ...(address === '' ? {} : { 'receiving-ip': address }),
    'failed-session-count': count,
  }
}

function sum(rows: readonly ObservedSessions[]): number {
  return rows.reduce((total, { count }) => total + count, 0)
}

/** RFC 3339 without fractions, as the examples of the RFC have it. */
function wholeSeconds(at: Date): string {
  return at.toISOString().replace(/\.\d{3}Z$/, 'Z')
}
