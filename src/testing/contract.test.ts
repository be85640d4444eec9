import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loadContract } from './contract.ts'
import type { Reply } from './test-api.ts'

function reply(status: number, json: unknown, contentType = 'application/json'): Reply {
  const headers = new Headers(contentType === '' ? {} : { 'content-type': contentType })
  return { status, headers, text: json === undefined ? '' : JSON.stringify(json), json }
}

const missing = { message: 'm', resource: 'domain', resource_id: 'x', type: 'not_found' }

const wrong: [what: string, id: string, reply: Reply, problem: RegExp][] = [
  ['a status that is not documented', 'getDomain', reply(418, missing), /not documented/],
  ['another media type', 'getDomain', reply(404, missing, 'text/html'), /text\/html/],
  ['a field that is missing', 'getDomain', reply(404, { ...missing, resource_id: undefined }), /resource_id/],
  ['another type', 'getDomain', reply(404, { ...missing, type: 'locked' }), /not_found/],
  ['a body where none is', 'validateDomainRecords', reply(204, {}), /has a body/],
  ['no JSON', 'getDomain', reply(404, undefined), /getDomain 404/],
]
for (const [what, id, given, problem] of wrong) {
  test(`${what} is found`, () => assert.throws(() => loadContract('scaleway').check(id, given), problem))
}

test('what was seen is counted', () => {
  const contract = loadContract('scaleway')
  const before = contract.unseen()
  contract.check('getDomain', reply(404, missing))
  contract.check('validateDomainRecords', reply(204, undefined, ''))
  const seen = before.filter((one) => !contract.unseen().includes(one))
  assert.deepEqual(seen.sort(), ['getDomain 404', 'validateDomainRecords 204'])
  assert.throws(() => contract.operation('none'), /no operation none/)
})

test('formats are checked, too', () => {
  const domain = {
    id: 'not-a-uuid',
    project_id: '8c7d1f52-0f6e-4f7b-8a39-2b1f0b0f9d10',
    name: 'a.example',
    status: 'ready',
    mailbox_total_count: 0,
    created_at: 'yesterday',
    updated_at: null,
    webmail_url: '',
    imap_url: '',
    pop3_url: '',
    smtp_url: '',
  }
  const check = (): Reply => loadContract('scaleway').check('getDomain', reply(200, domain))
  assert.throws(check, (error) => /uuid/.test(String(error)) && /date-time/.test(String(error)))
})
