import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import fc from 'fast-check'
import { type DmarcReport, parseDmarcReport } from './dmarc-report.ts'
import { dmarcReportXml, type ObservedRow } from './dmarc-xml.ts'
import { ReportRefused } from './unpack.ts'

async function fixture(name: string): Promise<string> {
  return await readFile(new URL(`fixtures/${name}`, import.meta.url), 'utf8')
}

test('a report as most receivers write it', async () => {
  assert.deepEqual(parseDmarcReport(await fixture('plain.xml')), {
    organization: 'receiver.example',
    email: 'noreply-dmarc@receiver.example',
    reportId: '1234567890123456789',
    begin: new Date('2026-01-01T00:00:00Z'),
    end: new Date('2026-01-01T23:59:59Z'),
    domain: 'customer.example',
    policy: { p: 'none', sp: 'quarantine', percent: 100 },
    rows: [
      {
        sourceAddress: '192.0.2.10',
        count: 12,
        disposition: 'none',
        dkimAligned: true,
        spfAligned: true,
        overrides: [],
        headerFrom: 'customer.example',
        envelopeFrom: null,
        dkim: [{ domain: 'customer.example', result: 'pass', selector: 'mwr1' }],
        spf: [{ domain: 'customer.example', result: 'pass' }],
      },
      {
        sourceAddress: '2001:db8::7',
        count: 3,
        disposition: 'none',
        dkimAligned: false,
        spfAligned: false,
        overrides: ['forwarded'],
        headerFrom: 'customer.example',
        envelopeFrom: 'lists.elsewhere.example',
        dkim: [
          { domain: 'customer.example', result: 'fail' },
          { domain: 'elsewhere.example', result: 'pass', selector: 's1' },
        ],
        spf: [{ domain: 'lists.elsewhere.example', result: 'pass' }],
      },
    ],
    omittedCount: 0,
  } satisfies DmarcReport)
})

test('namespaces, CDATA, entities; records that say nothing are passed over', async () => {
  const report = parseDmarcReport(await fixture('namespaced.xml'))
  assert.equal(report.organization, 'Smith & Sons')
  assert.equal(report.reportId, '<a.b@c>')
  assert.deepEqual(report.policy, { p: 'reject', sp: null, percent: null })
  assert.deepEqual(
    report.rows.map(({ sourceAddress, disposition }) => [sourceAddress, disposition]),
    [['198.51.100.1', 'reject']],
  )
})

const refused: [what: string, change: (xml: string) => string, why: RegExp][] = [
  ['no XML', () => 'hello', /no <feedback>|broken/],
  ['nothing', () => '', /no <feedback>/],
  ['another document', () => '<html><body/></html>', /no <feedback>/],
  [
    'a document type',
    (xml) => xml.replace('<feedback>', '<!DOCTYPE x [<!ENTITY a "b">]><feedback>'),
    /document type/,
  ],
  ['no organization', (xml) => xml.replace(/<org_name>.*<\/org_name>/, ''), /whose/],
  ['no id', (xml) => xml.replace(/<report_id>.*<\/report_id>/, '<report_id/>'), /whose/],
  ['no domain', (xml) => xml.replace(/<domain>.*?<\/domain>/, ''), /no domain/],
  ['no time', (xml) => xml.replace(/<begin>.*<\/begin>/, ''), /no time/],
  ['a time that ends before it begins', (xml) => xml.replace('1767311999', '1767225599'), /no time/],
  ['a time of the stone age', (xml) => xml.replace('1767225600', '1'), /no time/],
]
for (const [what, change, why] of refused) {
  test(`refused: ${what}`, async () => {
    const xml = change(await fixture('plain.xml'))
    assert.throws(
      () => parseDmarcReport(xml),
      (error) => error instanceof ReportRefused && why.test(error.message),
    )
  })
}

test('anything is either read or refused', () => {
  const pieces = [
    '<feedback>',
    '</feedback>',
    '<record>',
    '<row>',
    '&lt;',
    '&x;',
    '<![CDATA[',
    ']]>',
    '<!--',
    '<?',
    '"',
  ]
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.constantFrom(...pieces), fc.string())), (texts) => {
      try {
        parseDmarcReport(texts.join(''))
      } catch (error) {
        assert.ok(error instanceof ReportRefused, String(error))
      }
    }),
  )
})

test('what we write is what we read, whatever the texts are', () => {
  const domain = fc.domain()
  const row: fc.Arbitrary<ObservedRow> = fc.record({
    sourceAddress: fc.ipV4(),
    envelopeFrom: domain,
    count: fc.integer({ min: 1, max: 1e9 }),
    trust: fc.record({
      spf: fc.record({ result: fc.constantFrom('pass', 'fail', 'none'), domain: fc.option(domain) }),
      dkim: fc.array(
        fc.record({
          result: fc.constantFrom('pass', 'fail', 'temperror'),
          domain,
          selector: fc.string({ minLength: 1, maxLength: 20 }),
          aligned: fc.boolean(),
        }),
        { maxLength: 3 },
      ),
      dmarc: fc.record({
        result: fc.constantFrom('pass', 'fail'),
        domain,
        policy: fc.constantFrom('none', 'reject'),
        disposition: fc.constantFrom('none', 'quarantine', 'reject'),
        override: fc.constantFrom(null, 'forwarded', 'local_policy'),
      }),
    }),
  })
  fc.assert(
    fc.property(fc.array(row, { maxLength: 5 }), fc.string({ minLength: 1 }), (rows, organization) => {
      fc.pre(/[^\p{Cc}\s\ud800-\udfff]/u.test(organization))
      const xml = dmarcReportXml(
        {
          organization,
          email: 'dmarc-reports@us.example',
          reportId: '2026-01-01.them.example',
          from: new Date('2026-01-01T00:00:00Z'),
          to: new Date('2026-01-02T00:00:00Z'),
          domain: 'them.example',
          tags: new Map([['p', 'reject']]),
        },
        rows,
      )
      const report = parseDmarcReport(xml)
      assert.deepEqual(
        [report.domain, report.policy.p, report.policy.sp],
        ['them.example', 'reject', 'reject'],
      )
      assert.deepEqual(
        [report.begin.toISOString(), report.end.toISOString()],
        ['2026-01-01T00:00:00.000Z', '2026-01-01T23:59:59.000Z'],
      )
      assert.deepEqual(
        report.rows.map(({ sourceAddress, count, disposition, headerFrom }) => [
          sourceAddress,
          count,
          disposition,
          headerFrom,
        ]),
        rows.map(({ sourceAddress, count, trust }) => [
          sourceAddress,
          count,
          trust.dmarc.disposition,
          trust.dmarc.domain?.toLowerCase(),
        ]),
      )
    }),
  )
})
