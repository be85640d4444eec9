import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { createZipWriter } from '../../messages/transfer/zip-writer.ts'
import { reportLimits } from './limits.ts'
import { ReportRefused, unpackReport } from './unpack.ts'

async function zipOf(files: Record<string, Buffer>): Promise<Buffer> {
  const directory = await mkdtemp(join(tmpdir(), 'mailwright-test-'))
  try {
    const file = join(directory, 'x.zip')
    const zip = await createZipWriter(file)
    for (const [name, bytes] of Object.entries(files)) {
      const content = name.endsWith('/')
        ? null
        : (async function* () {
            yield bytes
          })()
      await zip.add({ name, at: new Date(), comment: '', content })
    }
    await zip.finish()
    return await readFile(file)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

const report = Buffer.from('<feedback>ü</feedback>')

const unpacked: [what: string, packed: () => Promise<Buffer> | Buffer][] = [
  ['plain', () => report],
  ['gzip', () => gzipSync(report)],
  ['zip', () => zipOf({ 'report.xml': report })],
  ['zip with a directory', () => zipOf({ 'reports/': Buffer.alloc(0), 'reports/report.xml': report })],
]
for (const [what, packed] of unpacked) {
  test(`unpacked: ${what}`, async () => {
    assert.equal(await unpackReport(await packed()), report.toString())
  })
}

// A megabyte of one letter becomes a kilobyte.
const bomb = Buffer.alloc(reportLimits.unpackedBytesMax + 1, 'a')

const refused: [what: string, packed: () => Promise<Buffer> | Buffer, why: RegExp][] = [
  ['a gzip bomb', () => gzipSync(bomb), /swells/],
  ['a zip bomb', () => zipOf({ 'report.xml': bomb }), /swells/],
  ['half a gzip', () => gzipSync(report).subarray(0, 20), /broken/],
  ['half a zip', async () => (await zipOf({ 'report.xml': report })).subarray(0, 40), /broken/],
  ['an empty zip', () => zipOf({ 'reports/': Buffer.alloc(0) }), /empty/],
  [
    'too many files',
    () => zipOf(Object.fromEntries(Array.from({ length: 11 }, (_, n) => [`${n}.xml`, report]))),
    /more than/,
  ],
  ['too large', () => Buffer.alloc(reportLimits.packedBytesMax + 1), /too large/],
]
for (const [what, packed, why] of refused) {
  test(`refused: ${what}`, async () => {
    await assert.rejects(
      unpackReport(await packed()),
      (error) => error instanceof ReportRefused && why.test(error.message),
    )
  })
}
