import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createRateLimit } from './rate-limit.ts'

const limits = {
  ipv4PrefixBits: 24,
  ipv6PrefixBits: 56,
  answersPerSecond: 4,
  negativesPerSecond: 2,
  slip: 2,
  networksMax: 3,
}

function judgeMany(judge: (address: string, isNegative: boolean) => string, address: string, times: number) {
  return Array.from({ length: times }, () => judge(address, false)).join(' ')
}

test('a network gets so many answers in a second, then every other one as a TC', () => {
  let now = 500
  const { judge } = createRateLimit(limits, () => now)
  assert.equal(judgeMany(judge, '192.0.2.1', 8), 'send send send send drop slip drop slip')
  assert.equal(judge('192.0.2.200', false), 'drop', 'the same network')
  assert.equal(judge('192.0.3.1', false), 'send', 'another one')
  now = 1000
  assert.equal(judge('192.0.2.1', false), 'send', 'the next second')
})

test('what is not there is counted for itself', () => {
  const { judge } = createRateLimit(limits, () => 0)
  assert.deepEqual(
    [1, 2, 3, 4].map(() => judge('192.0.2.1', true)),
    ['send', 'send', 'drop', 'slip'],
  )
  assert.equal(judge('192.0.2.1', false), 'send')
})

test('IPv6 networks have 56 bits', () => {
  const { judge } = createRateLimit(limits, () => 0)
  judgeMany(judge, '2001:db8:0:100::1', 4)
  assert.equal(judge('2001:db8:0:1ff:ffff::2', false), 'drop')
  assert.equal(judge('2001:db8:0:200::1', false), 'send')
})

test('this machine itself is not limited, and neither is who comes when the table is full', () => {
  const { judge } = createRateLimit(limits, () => 0)
  for (const address of ['127.0.0.1', '::1', '::ffff:127.0.0.1']) {
    assert.doesNotMatch(judgeMany(judge, address, 20), /drop|slip/)
  }
  assert.doesNotMatch(judgeMany(judge, '198.51.100.1', 20), /drop|slip/)
})
