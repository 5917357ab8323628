/** A pulse on a screen. */
export const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">
<rect width="32" height="32" rx="7" fill="#17324d"/>
<path d="M4 17h6l3-9 6 16 3-7h6" fill="none" stroke="#5fd3a6" stroke-width="3" stroke-linecap="round" stroke-linejoin="round"/>
</svg>
`;
