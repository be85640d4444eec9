/** Random calls on credentials: the primary password, app passwords and the second factor. */
import { Secret, TOTP } from 'otpauth'
import { textAt } from '../test-api.ts'
import type { ModelMailbox } from './model.ts'
import { callOn, goodPassword, onMailbox, type WeightedPlans, weakPassword } from './plan.ts'

const changePassword = onMailbox((world, dice, mailbox) => {
  const password = dice.pick([goodPassword(dice), goodPassword(dice), weakPassword, undefined])
  return callOn(world, dice, mailbox, {
    method: 'POST',
    at: '/password',
    body: password === undefined ? {} : { password },
    hasPreview: false,
    expected: password === weakPassword ? 'password_too_weak' : '200',
    apply(json) {
      mailbox.password = textAt(json, 'password')
    },
  })
})

const createAppPassword = onMailbox((world, dice, mailbox) => {
  const name = dice.pick(['phone', 'desk', 'car'])
  const scopes = dice.pick([null, null, ['imap'], ['pop3', 'smtp'], ['api', 'imap']])
  const days = dice.oneIn(3) ? 1 + dice.below(40) : null
  const expiresAt = days === null ? null : new Date(world.now.getTime() + days * 24 * 3600 * 1000)
  return callOn(world, dice, mailbox, {
    method: 'POST',
    at: '/app-passwords',
    body: { name, scopes, expires_at: expiresAt?.toISOString() ?? null },
    expected: mailbox.appPasswords.some((one) => one.name === name) ? 'app_password_taken' : '201',
    apply(json) {
      const [id, password] = [textAt(json, 'id'), textAt(json, 'password')]
      mailbox.appPasswords.push({ id, name, password, scopes, expiresAt })
    },
  })
})

const revokeAppPassword = onMailbox(
  (world, dice, mailbox) => {
    const found = dice.pickAny(mailbox.appPasswords)
    return callOn(world, dice, mailbox, {
      method: 'DELETE',
      at: `/app-passwords/${found?.id ?? mailbox.id}`,
      expected: found ? '204' : 'app_password_not_found',
      apply() {
        mailbox.appPasswords = mailbox.appPasswords.filter((one) => one !== found)
      },
    })
  },
  ({ appPasswords }) => appPasswords.length > 0,
)

const enrol = onMailbox(
  (world, dice, mailbox) =>
    callOn(world, dice, mailbox, {
      method: 'POST',
      at: '/totp',
      body: {},
      expected: mailbox.totp?.enabledAt ? 'totp_state_conflict' : '201',
      apply(json) {
        mailbox.totp = { secret: textAt(json, 'secret'), enabledAt: null, failures: 0 }
      },
    }),
  ({ state, totp }) => state === 'active' && totp === null,
)

/** Fewer than pause the checking. */
const wrongCodesMax = 4

const isEnrolled = ({ totp }: ModelMailbox): boolean => totp !== null && totp.enabledAt === null

const verify = onMailbox((world, dice, mailbox) => {
  const { totp } = mailbox
  const isWrong = totp !== null && totp.failures < wrongCodesMax && dice.oneIn(6)
  const code = totp === null ? '123456' : codeOf(totp.secret, world.now)
  const isOpen = totp !== null && totp.enabledAt === null
  const planned = callOn(world, dice, mailbox, {
    method: 'POST',
    at: '/totp/verify',
    body: { code: isWrong ? wrong(code) : code },
    hasPreview: !isWrong, // a preview does not judge the code
    expected: !isOpen ? 'totp_state_conflict' : isWrong ? 'totp_code_wrong' : '200',
    apply(json) {
      if (totp) totp.enabledAt = world.now
      const [id, password] = [textAt(json, 'app_password', 'id'), textAt(json, 'app_password', 'password')]
      const scopes = ['imap', 'pop3', 'smtp']
      mailbox.appPasswords.push({ id, name: freeName(mailbox), password, scopes, expiresAt: null })
    },
  })
  if (!isOpen || !isWrong) return planned
  const refused = (): void => {
    totp.failures += 1
  }
  return { ...planned, refused }
}, isEnrolled)

function codeOf(secret: string, now: Date): string {
  return new TOTP({ secret: Secret.fromBase32(secret) }).generate({ timestamp: now.getTime() })
}

/** Another one. */
function wrong(code: string): string {
  return code.replace(/\d/g, (digit) => String((Number(digit) + 5) % 10))
}

/** What the app password of a second factor is called, where earlier ones are still there. */
function freeName({ appPasswords }: ModelMailbox): string {
  const name = 'Two-factor authentication'
  const isFree = (wanted: string): boolean => !appPasswords.some((one) => one.name === wanted)
  let number = 1
  while (!isFree(number === 1 ? name : `${name} ${number}`)) number += 1
  return number === 1 ? name : `${name} ${number}`
}

const disable = onMailbox(
  (world, dice, mailbox) =>
    callOn(world, dice, mailbox, {
      method: 'DELETE',
      at: '/totp',
      expected: mailbox.totp === null ? 'totp_state_conflict' : '204',
      apply() {
        mailbox.totp = null
      },
    }),
  ({ totp }) => totp !== null,
)

export const credentialPlans: WeightedPlans = [
  [4, changePassword],
  [6, createAppPassword],
  [3, revokeAppPassword],
  [7, enrol],
  [14, verify],
  [3, disable],
]
