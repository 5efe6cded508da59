const c=require('crypto');
const out=[]; const add=(form,password,hash)=>out.push({made_by:'Node '+process.version,form,password,hash});
const b64=b=>b.toString('base64').replace(/=+$/,'');
const P='correct horse battery', U='пароль 🦀 café';
const salt=Buffer.from('000102030405060708090a0b0c0d0e0f','hex');
add('scrypt PHC',U,`$scrypt$ln=7,r=8,p=1$${b64(salt)}$${b64(c.scryptSync(U,salt,32,{N:128,r:8,p:1}))}`);
add('PHC pbkdf2-sha512, without length',P,`$pbkdf2-sha512$i=700$${b64(salt)}$${b64(c.pbkdf2Sync(P,salt,700,64,'sha512'))}`);
// Firebase's modified scrypt with a key and a salt separator of its own, cheaper.
const signer=Buffer.from('a signer key of thirty-two bytes!'), sep=Buffer.from([7]);
const key=c.scryptSync(P,Buffer.concat([salt,sep]),64,{N:64,r:8,p:1}).subarray(0,32);
const e=c.createCipheriv('aes-256-ctr',key,Buffer.alloc(16)); const hash=Buffer.concat([e.update(signer),e.final()]);
add('Firebase',P,`$fbscrypt$v=1,n=6,r=8,p=1,ss=${sep.toString('base64')},sk=${signer.toString('base64')}$${salt.toString('base64')}$${hash.toString('base64')}`);
console.log(JSON.stringify(out));
