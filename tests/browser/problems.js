// What a person could not see, reach or read on a page: too wide, too pale (WCAG AA), too small to tap, without a name.
(() => {
    const found = [];
    const wide = document.documentElement.scrollWidth;
    if (wide > innerWidth) found.push(`the page is ${wide} wide, the screen ${innerWidth}`);
    const parts = color => (color.match(/[0-9.]+/g) || []).map(Number);
    const linear = c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    const light = color => {
        const [r, g, b] = parts(color).map(c => linear(c / 255));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const ground = element => {
        for (let e = element; e; e = e.parentElement) {
            const color = getComputedStyle(e).backgroundColor;
            if (parts(color).length === 3 || parts(color)[3] > 0) return color;
        }
        return 'rgb(255, 255, 255)';
    };
    for (const e of document.querySelectorAll('body *')) {
        const written = [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
        if (!written || !e.checkVisibility()) continue;
        const [a, b] = [light(getComputedStyle(e).color), light(ground(e))];
        const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (contrast < 4.5) found.push(`contrast ${contrast.toFixed(1)}: ${e.textContent.trim().slice(0, 40)}`);
    }
    const fields = 'input:not([type=hidden]), select, textarea';
    for (const e of document.querySelectorAll(`button, ${fields}, summary, header a`)) {
        const box = e.getBoundingClientRect();
        if (e.checkVisibility() && box.height < 44) found.push(`${e.tagName} is ${box.height} high`);
    }
    for (const e of document.querySelectorAll(fields)) if (!e.labels.length) found.push(`${e.name} has no label`);
    if (document.querySelectorAll('h1').length !== 1) found.push('not one h1');
    return found;
})()
