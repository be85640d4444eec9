/** Reports of many systems, each with what is read of it; and whatever bytes come, nothing throws. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { spooledBytes } from '../inbound/spool.ts'
import { parseArf } from './parse-arf.ts'
import { parseDsn } from './parse-dsn.ts'
import { parseOldBounce } from './parse-old-bounce.ts'
import { recogniseReport } from './recognise.ts'
import { readReport } from './report-parts.ts'
import { classifyReported } from './take-in.ts'

const folder = new URL('./fixtures/', import.meta.url)
const names = readdirSync(folder)
  .filter((name) => name.endsWith('.eml'))
  .map((name) => name.slice(0, -4))

/** What a program would know of a message: the kind of report, and what it says. */
function read(raw: Buffer): unknown {
  const kind = recogniseReport({
    mailFrom: /^Return-Path: <>/.test(raw.toString('latin1')) ? '' : 'x@y.example',
    message: spooledBytes(raw),
  })
  const report = readReport(raw)
  if (kind === 'arf') {
    const arf = parseArf(report)
    return { kind, ...arf, original: arf?.original?.messageId ?? null }
  }
  if (kind === null) return { kind }
  const dsn = parseDsn(report) ?? parseOldBounce(report)
  return {
    kind,
    envid: dsn?.envid ?? null,
    original: dsn?.original?.messageId ?? null,
    recipients: dsn?.recipients.map((one) => ({ ...one, class: classifyReported(one).class })) ?? [],
  }
}

for (const name of names) {
  test(name, () => {
    const got = read(readFileSync(new URL(`${name}.eml`, folder)))
    assert.deepEqual(got, JSON.parse(readFileSync(new URL(`${name}.json`, folder), 'utf8')))
  })
}

const raws = names.map((name) => readFileSync(new URL(`${name}.eml`, folder)))

test('whatever comes, nothing throws and everything has its bounds', () => {
  const anyReport = fc.oneof(
    fc.uint8Array({ maxLength: 4000 }).map((bytes) => Buffer.from(bytes)),
    // A report of the fixtures with a piece cut out, and another put in.
    fc
      .tuple(fc.constantFrom(...raws), fc.nat(), fc.nat(400), fc.uint8Array({ maxLength: 50 }))
      .map(([raw, at, length, bytes]) => {
        const from = at % raw.length
        return Buffer.concat([raw.subarray(0, from), bytes, raw.subarray(from + length)])
      }),
  )
  fc.assert(
    fc.property(anyReport, (raw) => {
      const report = readReport(raw)
      const arf = parseArf(report)
      assert.ok((arf?.addresses.length ?? 0) <= 1000)
      for (const dsn of [parseDsn(report), parseOldBounce(report)]) {
        for (const recipient of dsn?.recipients ?? []) classifyReported(recipient)
        assert.ok((dsn?.recipients.length ?? 0) <= 200)
      }
      recogniseReport({ mailFrom: '', message: spooledBytes(raw) })
    }),
    { numRuns: 300 },
  )
})

test('a hostile report takes no longer than its size', () => {
  const texts = [
    'a@'.repeat(100_000),
    '<'.repeat(200_000),
    '\n \n'.repeat(70_000),
    '550 '.repeat(60_000),
    '- '.repeat(90_000),
  ]
  for (const text of texts) {
    const began = performance.now()
    const part = (type: string) => `--b\r\nContent-Type: ${type}\r\n\r\n${text}\r\n`
    const types = ['text/plain', 'message/delivery-status', 'message/feedback-report', 'text/rfc822-headers']
    const raw = `Subject: failure notice\r\nContent-Type: multipart/report; boundary=b\r\n\r\n${types.map(part).join('')}--b--\r\n`
    const report = readReport(Buffer.from(raw))
    parseDsn(report)
    parseOldBounce(report)
    parseArf(report)
    assert.ok(performance.now() - began < 5000, text.slice(0, 10))
  }
})
