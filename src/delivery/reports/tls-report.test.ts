import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import fc from 'fast-check'
import { tlsReportJson } from './tls-json.ts'
import { parseTlsReport } from './tls-report.ts'
import { ReportRefused } from './unpack.ts'

test('a report with two policies and failures; what says nothing is passed over', async () => {
  const report = parseTlsReport(await readFile(new URL('fixtures/tls.json', import.meta.url), 'utf8'))
  assert.deepEqual(report, {
    organization: 'Receiver Inc.',
    contact: 'smtp-tls@receiver.example',
    reportId: '2026-01-01T00:00:00Z_customer.example',
    begin: new Date('2026-01-01T00:00:00Z'),
    end: new Date('2026-01-01T23:59:59Z'),
    policies: [
      {
        policyType: 'sts',
        domain: 'customer.example',
        successCount: 5326,
        failureCount: 303,
        failures: [
          {
            resultType: 'certificate-expired',
            count: 100,
            sendingAddress: '2001:db8:abcd:12::1',
            receivingHost: 'mx1.customer.example',
            receivingAddress: null,
            detail: null,
          },
          {
            resultType: 'starttls-not-supported',
            count: 203,
            sendingAddress: '192.0.2.70',
            receivingHost: 'mx2.customer.example',
            receivingAddress: '203.0.113.56',
            detail: 'https://reports.receiver.example/x',
          },
        ],
      },
      {
        policyType: 'no-policy-found',
        domain: 'sub.customer.example',
        successCount: 0,
        failureCount: 0,
        failures: [],
      },
    ],
  })
})

const refused: [what: string, json: string, why: RegExp][] = [
  ['no JSON', '{', /broken/],
  ['null', 'null', /whose/],
  ['an array', '[]', /whose/],
  ['no policies', JSON.stringify({ 'organization-name': 'x', 'report-id': 'y', policies: [] }), /no time/],
  [
    'policies without a domain',
    JSON.stringify({
      'organization-name': 'x',
      'report-id': 'y',
      'date-range': { 'start-datetime': '2026-01-01T00:00:00Z', 'end-datetime': '2026-01-01T23:59:59Z' },
      policies: [{ policy: {} }],
    }),
    /no domain/,
  ],
]
for (const [what, json, why] of refused) {
  test(`refused: ${what}`, () => {
    assert.throws(
      () => parseTlsReport(json),
      (error) => error instanceof ReportRefused && why.test(error.message),
    )
  })
}

test('anything is either read or refused', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      try {
        parseTlsReport(
          JSON.stringify({
            'organization-name': 'x',
            'report-id': 'y',
            policies: [value],
            'date-range': value,
          }),
        )
      } catch (error) {
        assert.ok(error instanceof ReportRefused, String(error))
      }
    }),
  )
})

test('what we write is what we read', () => {
  const json = tlsReportJson(
    {
      organization: 'mx.us.example',
      contact: 'dmarc-reports@us.example',
      reportId: '2026-01-01.them.example',
      from: new Date('2026-01-01T00:00:00Z'),
      to: new Date('2026-01-02T00:00:00Z'),
      domain: 'them.example',
      policyLines: ['version: STSv1'],
    },
    [
      { policyType: 'sts', resultType: '', host: 'mx.them.example', address: '192.0.2.1', count: 90 },
      {
        policyType: 'sts',
        resultType: 'certificate-expired',
        host: 'mx.them.example',
        address: '',
        count: 10,
      },
      { policyType: 'no-policy-found', resultType: '', host: '', address: '', count: 1 },
    ],
  )
  const report = parseTlsReport(json)
  assert.equal(report.end.toISOString(), '2026-01-01T23:59:59.000Z')
  assert.deepEqual(
    report.policies.map(({ policyType, domain, successCount, failureCount, failures }) => [
      policyType,
      domain,
      successCount,
      failureCount,
      failures.map(({ resultType, count }) => [resultType, count]),
    ]),
    [
      ['sts', 'them.example', 90, 10, [['certificate-expired', 10]]],
      ['no-policy-found', 'them.example', 1, 0, []],
    ],
  )
})
