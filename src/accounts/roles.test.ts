import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isBindable, may, type Right, type Role, roles } from './roles.ts'

const rights: readonly Right[] = ['read', 'write', 'manage_organization', 'manage_members', 'manage_owners']

test('each role may all that the next one may, and more', () => {
  const counts = roles.map((role) => rights.filter((right) => may(role, right)).length)
  assert.deepEqual(counts, [5, 4, 2, 1])
  for (const [at, role] of roles.entries()) {
    const lesser: Role | undefined = roles[at + 1]
    if (lesser) assert.ok(rights.every((right) => may(role, right) || !may(lesser, right)))
  }
})

test('who manages the organization is not bound to some workspaces', () => {
  assert.deepEqual(roles.filter(isBindable), ['member', 'viewer'])
})
