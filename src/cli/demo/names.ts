/** The mailboxes of the demo: fifty first names, some of them in letters that need SMTPUTF8 (RFC 6531). */

export const demoDomain = 'demo.test'

const localParts = [
  ...['ann', 'ben', 'jürgen', 'clara', 'david', 'elena', 'felix', 'greta', 'hugo', 'irene'],
  ...['jonas', 'kira', 'zoë', 'leo', 'mira', 'nils', 'olga', 'pavel', 'quinn', 'rosa'],
  ...['samir', 'tara', '用户', 'uma', 'victor', 'wanda', 'xenia', 'yusuf', 'zelda', 'amir'],
  ...['bruna', 'carl', 'почта', 'dora', 'emil', 'fatima', 'goran', 'helga', 'ivan', 'judit'],
  ...['kofi', 'lena', 'δήμητρα', 'mateo', 'nora', 'oskar', 'paula', 'ravi', 'sofia', 'tomas'],
]

export const demoAddresses: readonly string[] = localParts.map((localPart) => `${localPart}@${demoDomain}`)

/** Who sends with a login, and to whom. */
export const submission = { from: `ann@${demoDomain}`, to: `ben@${demoDomain}` }
