/** Reading and writing users, without a tenant. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { wantedUser } from '../../../testing/test-microsoft.ts'
import { RemoteFailure } from '../driver.ts'
import { graphFailure, loginFailure } from './failures.ts'
import { newUser, readUser, userPatch } from './users.ts'

const names = [
  'id',
  'userPrincipalName',
  'mail',
  'proxyAddresses',
  'givenName',
  'accountEnabled',
  'assignedLicenses',
  'licenseAssignmentStates',
  'onPremisesExtensionAttributes',
  'error',
  'error_description',
  'code',
  'message',
  'details',
  'innerError',
]
const anything = fc.oneof(
  fc.jsonValue(),
  fc.dictionary(fc.constantFrom(...names), fc.oneof(fc.jsonValue(), fc.string(), fc.array(fc.string()))),
)

test('whatever comes is a user, or a failure of the service', () => {
  fc.assert(
    fc.property(anything, fc.boolean(), (json, isDeleted) => {
      try {
        const { user, licences } = readUser(json, isDeleted)
        assert.ok(user.id !== '' && user.address === user.address.toLowerCase())
        assert.ok([...user.aliases, ...licences].every((one) => typeof one === 'string'))
        assert.equal(user.state === 'deleted', isDeleted)
      } catch (error) {
        assert.ok(error instanceof RemoteFailure && error.kind === 'unreachable', String(error))
      }
    }),
  )
})

test('whatever is answered instead has a kind, and words of a bounded length', () => {
  fc.assert(
    fc.property(anything, fc.integer({ min: 300, max: 599 }), (json, status) => {
      const reply = { status, headers: new Headers(), text: '', json }
      for (const failure of [graphFailure(reply), loginFailure(reply, [])]) {
        assert.ok(failure instanceof RemoteFailure)
        assert.ok(failure.message.length <= 500 && failure.message.includes(String(status)))
      }
    }),
  )
})

test('a secret of any form is hidden wherever it stands', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 8 }), fc.string(), fc.string(), (secret, before, after) => {
      const json = { error: { code: 'X', message: `${before}${secret}${after}` } }
      const reply = { status: 400, headers: new Headers(), text: '', json }
      const { message } = graphFailure(reply, [secret])
      assert.ok(!message.replaceAll('[secret]', ' | ').includes(secret))
    }),
  )
})

test('a deleted user has its address without the id in front', () => {
  const id = '0F8fad5b-d9cb-469f-a165-70867728950e'
  const cases = [
    ['0f8fad5bd9cb469fa16570867728950eAnn@demo.example', true, 'ann@demo.example'],
    ['Ann@demo.example', true, 'ann@demo.example'],
    ['0f8fad5bd9cb469fa16570867728950e@demo.example', false, '0f8fad5bd9cb469fa16570867728950e@demo.example'],
  ] as const
  for (const [userPrincipalName, isDeleted, address] of cases) {
    assert.equal(readUser({ id, userPrincipalName }, isDeleted).user.address, address)
  }
})

test('aliases are the addresses for mail that are not its own', () => {
  const proxyAddresses = ['SMTP:Ann@demo.example', 'smtp:A.Lee@demo.example', 'SIP:ann@demo.example', 7]
  const { user } = readUser({ id: 'x', userPrincipalName: 'ann@demo.example', proxyAddresses })
  assert.deepEqual(user.aliases, ['a.lee@demo.example'])
})

test('a nickname is made of what Exchange takes', () => {
  const cases = [
    ['ann', 'ann'],
    ["o'neil+tag", 'o_neil_tag'],
    ['jörg', 'j_rg'],
    ['a'.repeat(70), 'a'.repeat(64)],
  ] as const
  for (const [localPart, nickname] of cases) {
    assert.equal(newUser(wantedUser(localPart), 'DE')['mailNickname'], nickname)
    assert.equal(userPatch({ address: `${localPart}@demo.example` })['mailNickname'], nickname)
  }
})
