import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { errorCatalogue, Refusal } from './errors.ts'

const pages = new URL('../../docs/errors/', import.meta.url)

test('every code has its page, and every page a code', async () => {
  const documented = (await readdir(pages)).map((file) => file.replace(/\.md$/, ''))
  assert.deepEqual(documented.sort(), Object.keys(errorCatalogue).sort())
})

for (const [code, { status, title }] of Object.entries(errorCatalogue)) {
  test(`${code}: an error status, and a page that says the same`, async () => {
    assert.match(code, /^[a-z]+(_[a-z]+)*$/)
    assert.ok(status >= 400 && status < 600)
    const page = await readFile(new URL(`${code}.md`, pages), 'utf8')
    assert.ok(page.includes(code) && page.includes(String(status)) && page.includes(title), page)
  })
}

test('a refusal has its catalogue’s title for a detail, unless it says more', () => {
  const short = new Refusal('domain_taken')
  assert.equal(short.detail, errorCatalogue.domain_taken.title)
  assert.deepEqual(short.fields, [])
  const cause = new Error('inside')
  const long = new Refusal('domain_taken', 'demo.test is taken.', {
    cause,
    fields: [{ pointer: '/name', detail: 'is taken' }],
  })
  assert.equal(long.message, 'demo.test is taken.')
  assert.equal(long.cause, cause)
  assert.deepEqual(long.fields, [{ pointer: '/name', detail: 'is taken' }])
})
