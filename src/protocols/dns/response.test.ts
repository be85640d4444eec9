import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as dnsPacket from 'dns-packet'
import fc from 'fast-check'
import { encodeRdata } from '../../domains/zones/rdata.ts'
import type { RecordType } from '../../domains/zones/records.ts'
import type { WireRRset } from '../../domains/zones/zone-answer.ts'
import { dnsTypes } from '../../platform/dns-wire/message.ts'
import { writeResponse, writeTruncation } from './response.ts'

function questionFor(name: string): Buffer {
  return dnsPacket.encode({ questions: [{ name, type: 'A' }] }).subarray(12)
}

function set(owner: string, type: RecordType, ...values: string[]): WireRRset {
  const rdata = values.map((value) => encodeRdata(type, value) ?? assert.fail(value))
  return { owner, type: dnsTypes[type], ttl: 60, rdata, wildcard: null }
}

const empty = { answers: [], authority: [], additional: [] }
const fine = { rcode: 0, isAuthoritative: true, needsAdditional: false }

test('names are compressed where the types allow it, and read back as they are', () => {
  const sets = {
    answers: [
      set('www.example.com', 'CNAME', 'web.hosts.example.com'),
      set('web.hosts.example.com', 'MX', '10 mx.hosts.example.com', '20 mx.other.example'),
      set('_x._tcp.example.com', 'SRV', '1 2 3 web.hosts.example.com'),
    ],
    authority: [set('example.com', 'NS', 'ns1.hosts.example.com', 'ns2.hosts.example.com')],
    additional: [set('ns1.hosts.example.com', 'A', '192.0.2.1')],
  }
  const message = writeResponse(questionFor('www.example.com'), { ...fine, ...sets }, 1232)
  const { answers, authorities, additionals } = dnsPacket.decode(message)
  assert.deepEqual(
    answers?.map((one) => [one.name, one.type]),
    [
      ['www.example.com', 'CNAME'],
      ['web.hosts.example.com', 'MX'],
      ['web.hosts.example.com', 'MX'],
      ['_x._tcp.example.com', 'SRV'],
    ],
  )
  assert.deepEqual(
    authorities?.map((one) => ('data' in one ? one.data : null)),
    ['ns1.hosts.example.com', 'ns2.hosts.example.com'],
  )
  assert.equal(additionals?.[0]?.name, 'ns1.hosts.example.com')
  assert.equal(message.toString('latin1').split('\x05hosts').length - 1, 2, 'once, and once in SRV')
})

test('a set that does not fit: the additional section goes, then everything', () => {
  const address = (at: number): string => `192.0.2.${at}`
  const answers = [set('a.example', 'A', ...Array.from({ length: 20 }, (_, at) => address(at)))]
  const additional = [set('b.example', 'A', ...Array.from({ length: 20 }, (_, at) => address(at)))]
  const question = questionFor('a.example')
  const write = (bytesMax: number, needsAdditional = false): dnsPacket.DecodedPacket => {
    const response = { ...fine, ...empty, answers, additional, needsAdditional }
    const message = writeResponse(question, response, bytesMax)
    assert.ok(message.length <= bytesMax)
    return dnsPacket.decode(message)
  }
  const counts = ({ answers: a, additionals: b, flag_tc: tc }: dnsPacket.DecodedPacket) => [
    a?.length,
    b?.length,
    tc,
  ]
  assert.deepEqual(counts(write(700)), [20, 20, false])
  assert.deepEqual(counts(write(600)), [20, 0, false])
  assert.deepEqual(counts(write(600, true)), [0, 0, true])
  assert.deepEqual(counts(write(300)), [0, 0, true])
  assert.deepEqual(counts(dnsPacket.decode(writeTruncation(question))), [0, 0, true])
})

test('whatever the sets, the message is no longer than allowed and others can read it', () => {
  const label = fc.stringMatching(/^[a-z0-9_-]{1,12}$/)
  const name = fc.array(label, { minLength: 1, maxLength: 6 }).map((labels) => labels.join('.'))
  const one = fc.oneof(
    fc.tuple(name, fc.constant('A' as const), fc.constant('192.0.2.1')),
    fc.tuple(name, fc.constant('NS' as const), name),
    fc.tuple(name, fc.constant('CNAME' as const), name),
    fc.tuple(
      name,
      fc.constant('MX' as const),
      name.map((host) => `10 ${host}`),
    ),
    fc.tuple(
      name,
      fc.constant('SRV' as const),
      name.map((host) => `1 2 3 ${host}`),
    ),
    fc.tuple(name, fc.constant('TXT' as const), fc.string({ maxLength: 400 })),
  )
  const sets = fc.array(
    one.map(([owner, type, value]) => set(owner, type, value)),
    { maxLength: 12 },
  )
  fc.assert(
    fc.property(name, sets, sets, sets, fc.integer({ min: 300, max: 65_535 }), (asked, a, b, c, bytesMax) => {
      const response = { ...fine, answers: a, authority: b, additional: c }
      const message = writeResponse(questionFor(asked), response, bytesMax)
      assert.ok(message.length <= bytesMax)
      const read = dnsPacket.decode(message)
      if (read.flag_tc) return
      assert.deepEqual(
        read.answers?.map((record) => record.name),
        a.map(({ owner }) => owner),
      )
      for (const [at, record] of (read.answers ?? []).entries()) {
        const { rdata, type } = a[at] ?? assert.fail()
        if (record.type === 'NS' || record.type === 'CNAME') {
          assert.deepEqual(encodeRdata(record.type, record.data), rdata[0])
        }
        assert.equal(dnsTypes[record.type as RecordType], type)
      }
    }),
    { numRuns: 500 },
  )
})
