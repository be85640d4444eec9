/** Records that are there, held against those that are wanted. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { DesiredRecord } from '../plan/record.ts'
import { type Facts, judge } from './judge.ts'
import type { RecordStatus } from './tables.ts'

const wanted = {
  ownership: ['TXT', 'mailwright-verification=token'],
  mx: ['MX', '10 mx.platform.example'],
  spf: ['TXT', 'v=spf1 mx ~all'],
  dkim: ['TXT', 'v=DKIM1; k=rsa; p=AAAA'],
  dmarc: ['TXT', 'v=DMARC1; p=quarantine; rua=mailto:r@shop.example'],
  tls_rpt: ['TXT', 'v=TLSRPTv1; rua=mailto:t@shop.example'],
  mta_sts: ['TXT', 'v=STSv1; id=abc'],
  bimi: ['TXT', 'v=BIMI1; l=https://x.example/a.svg'],
  autoconfig: ['CNAME', 'mx.platform.example'],
  web: ['A', '192.0.2.1'],
  srv: ['SRV', '0 1 993 mx.platform.example'],
  caa: ['CAA', '0 issue "letsencrypt.org"'],
} as const

const facts: Facts = {
  ourAddresses: ['192.0.2.1', '2001:db8::1'],
  dkimTarget: 'mwr1.id.dkim.mw.example',
  dkimText: 'v=DKIM1; k=rsa; p=AAAA',
}

function desired(purpose: keyof typeof wanted): DesiredRecord {
  const [type, value] = wanted[purpose]
  return { purpose, type, name: 'shop.example', value, level: 'recommended' }
}

function verdict(purpose: keyof typeof wanted, values: string[], cname: string | null = null) {
  return judge(desired(purpose), { kind: 'records', values, cname, by: 'ns1' }, facts)
}

const cases: [purpose: keyof typeof wanted, values: string[], status: RecordStatus, cname?: string][] = [
  ['ownership', ['mailwright-verification=token'], 'valid'],
  ['ownership', ['x', 'mailwright-verification=other', 'mailwright-verification=token'], 'valid'],
  ['ownership', ['mailwright-verification=other'], 'wrong'],
  ['ownership', ['something else'], 'missing'],
  ['mx', ['5 mx.platform.example', '10 backup.example'], 'valid'],
  ['mx', ['5 other.example', '10 mx.platform.example'], 'wrong'],
  ['mx', [], 'missing'],
  ['spf', ['v=spf1 a mx include:x.example -all', 'unrelated'], 'valid'],
  ['spf', ['v=spf1 mx -all', 'v=spf1 -all'], 'wrong'],
  ['spf', ['v=spf10 mx'], 'missing'],
  ['dkim', ['v=DKIM1;k=rsa;p=AA AA'], 'valid'],
  ['dkim', ['v=DKIM1; k=rsa; p='], 'wrong'],
  ['dkim', [], 'valid', 'mwr1.id.dkim.mw.example'],
  ['dkim', [], 'wrong', 'mwr2.id.dkim.mw.example'],
  ['dmarc', ['v=DMARC1; p=reject'], 'valid'],
  ['dmarc', ['v=DMARC1; p=none'], 'wrong'],
  ['dmarc', ['v=DMARC1; rua=mailto:x@y.example'], 'wrong'],
  ['dmarc', ['v=DMARC1; p=reject', 'v=DMARC1; p=reject'], 'wrong'],
  ['tls_rpt', ['v=TLSRPTv1; rua=https://x.example/'], 'valid'],
  ['mta_sts', ['v=STSv1; id=abc;'], 'valid'],
  ['mta_sts', ['v=STSv1; id=old'], 'wrong'],
  ['bimi', ['v=BIMI1;l=https://x.example/a.svg'], 'valid'],
  ['autoconfig', [], 'valid', 'mx.platform.example'],
  ['autoconfig', ['192.0.2.1'], 'valid'],
  ['autoconfig', ['192.0.2.1', '198.51.100.9'], 'wrong'],
  ['autoconfig', [], 'wrong', 'elsewhere.example'],
  ['autoconfig', [], 'missing'],
  ['web', ['192.0.2.1', '192.0.2.2'], 'valid'],
  ['web', ['192.0.2.2'], 'wrong'],
  ['srv', ['5 9 993 mx.platform.example'], 'valid'],
  ['srv', ['0 1 143 mx.platform.example'], 'wrong'],
  ['caa', ['0 issue "letsencrypt.org; validationmethods=dns-01"', '0 issue "other.example"'], 'valid'],
  ['caa', ['0 issue "other.example"'], 'wrong'],
  ['caa', ['0 iodef "mailto:x@y.example"'], 'missing'],
]
for (const [purpose, values, status, cname] of cases) {
  test(`${purpose}: ${values.join(' / ')}${cname ? ` alias ${cname}` : ''}: ${status}`, () => {
    assert.equal(verdict(purpose, values, cname ?? null).status, status)
  })
}

test('no answer says nothing', () => {
  assert.deepEqual(judge(desired('mx'), { kind: 'unanswered' }, facts), {
    status: 'unanswered',
    seen: [],
    suggestion: null,
    answeredBy: null,
  })
})

test('an SPF record of others is kept, with ours put first, and is right then', () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom('a', 'ip4:192.0.2.1', 'include:x.example', 'exists:%{i}.x.example', '?ptr'), {
        maxLength: 6,
      }),
      fc.constantFrom('-all', '~all', 'redirect=x.example', ''),
      (mechanisms, end) => {
        const theirs = ['v=spf1', ...mechanisms, ...(end === '' ? [] : [end])].join(' ')
        const { status, suggestion } = verdict('spf', [theirs])
        assert.equal(status, 'wrong')
        assert.ok(suggestion !== null)
        assert.equal(suggestion.replace('v=spf1 mx', 'v=spf1'), theirs)
        assert.equal(verdict('spf', [suggestion]).status, 'valid')
      },
    ),
  )
})

test('a text is cut between characters, not within one', () => {
  const { seen } = verdict('dkim', [`${'x'.repeat(599)}\u{1f600}`])
  assert.equal(seen[0]?.isWellFormed(), true)
})

test('what strangers put at a name is kept within bounds', () => {
  const { seen } = verdict(
    'mx',
    Array.from({ length: 50 }, (_, index) => `${index} ${'x'.repeat(5000)}`),
  )
  assert.ok(seen.length <= 5 && seen.every((value) => value.length <= 600))
})
